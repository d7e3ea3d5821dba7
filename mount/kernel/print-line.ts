/** Stderr, for those who serve: whether somebody reads it is no concern of theirs. */
import { writeSync } from 'node:fs'

/** Never throws. Waits while a pipe is full. */
export function printLine(text: string): void {
  try {
    writeSync(2, `${text}\n`)
  } catch {
    // Its reader is gone. A throw would end the mount, and from an `exit` handler keep the process from ending.
  }
}
