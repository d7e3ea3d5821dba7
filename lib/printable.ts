/** What others had a hand in (the name of a file, of a process, of a mount), so that a terminal shows it and doesn't obey it. */

/** Control characters, also those that turn the direction of writing, as escapes. */
export const printable = (text: string): string =>
  text.replace(
    /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )

/** The same of a text of lines, which stay lines. */
export const printableLines = (text: string): string => text.replace(/[^\n\t]+/g, printable)
