/** Stderr, for those who serve: whether somebody reads it is no concern of theirs. */
import { writerTo } from '../../lib/sys/write-now.ts'

let write: ((bytes: Uint8Array) => number) | undefined

/** Never throws and never waits: a line that finds no room is lost. */
export function printLine(text: string): void {
  write ??= writerTo(2)
  write(Buffer.from(`${text}\n`))
}
