/** Every command, in the order that help lists them. */
import type { Command } from './command.ts'
import { completion } from './commands/completion.ts'

export const commands: readonly Command[] = [completion]
