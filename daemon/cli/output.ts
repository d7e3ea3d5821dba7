/**
 * Where the CLI speaks. Results go to stdout, everything else to stderr, so that `$(twofold share …)` holds a
 * URL and nothing more. With `--json` a result is one line of JSON and so is an error.
 */
import { Fault } from '../../lib/errors.ts'
import { printable, printableLines } from '../../lib/printable.ts'

/** What of a stream is needed here; tests give an array's. */
export interface Sink {
  write(text: string): unknown
  readonly isTTY?: boolean
}

export class Output {
  readonly json: boolean
  readonly #stdout: Sink
  readonly #stderr: Sink

  constructor(json: boolean, stdout: Sink, stderr: Sink) {
    this.json = json
    this.#stdout = stdout
    this.#stderr = stderr
  }

  /** A command's result: `value` for programs, `text` for people. */
  result(value: unknown, text: () => string): void {
    const line = this.json ? JSON.stringify(value) : printableLines(text())
    if (line !== '') this.#stdout.write(line.endsWith('\n') ? line : `${line}\n`)
  }

  /** A result that is text whoever reads it, as help or a completion script. */
  text(text: string): void {
    this.#stdout.write(text.endsWith('\n') ? text : `${text}\n`)
  }

  /** For the person who watches. */
  note(text: string): void {
    this.#stderr.write(`${printableLines(text)}\n`)
  }

  /** A line that the next one replaces; nothing where nobody watches. */
  progress(text: string): void {
    if (this.#stderr.isTTY === true && !this.json) this.#stderr.write(`\r\u001b[K${printable(text)}`)
  }

  /** One line on what went wrong; answers the exit status. */
  failure(error: unknown): number {
    const fault = error instanceof Fault ? error : undefined
    const message = error instanceof Error ? error.message : String(error)
    const exit = fault?.exit ?? 1
    if (this.json)
      this.#stderr.write(
        `${JSON.stringify({ success: false, error: message, code: fault?.code ?? 'InternalError', exit })}\n`,
      )
    else this.#stderr.write(`twofold: ${printable(message.replaceAll('\n', ' '))}\n`)
    // Nobody can mend a bug of ours by its message alone.
    if (!fault && error instanceof Error && error.stack !== undefined && !this.json)
      this.#stderr.write(`${error.stack}\n`)
    return exit
  }
}

/** Columns as wide as they must be, two spaces between them. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths: number[] = []
  for (const row of rows)
    for (const [i, cell] of row.entries()) widths[i] = Math.max(widths[i] ?? 0, width(cell))
  return rows
    .map((row) =>
      row
        .map((cell, i) => cell + ' '.repeat((widths[i] ?? 0) - width(cell)))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

/**
 * A term and what it means, wrapped where a line would pass 100 columns; beneath it lines that are never wrapped, for
 * what is pasted.
 */
export function definitions(
  rows: readonly (readonly [term: string, meaning: string, verbatim?: readonly string[] | undefined])[],
): string {
  const indent = Math.max(...rows.map(([term]) => width(term))) + 2
  return rows
    .map(([term, meaning, verbatim = []]) => {
      const lines = [...wrap(meaning, Math.max(40, 98 - indent)), ...verbatim]
      return term.padEnd(indent) + lines.join(`\n${' '.repeat(indent)}`)
    })
    .join('\n')
}

function wrap(text: string, columns: number): string[] {
  const lines: string[] = []
  for (const word of text.split(' ')) {
    const last = lines.at(-1)
    if (last === undefined || width(last) + 1 + width(word) > columns) lines.push(word)
    else lines[lines.length - 1] = `${last} ${word}`
  }
  return lines
}

const width = (cell: string): number => [...cell].length
