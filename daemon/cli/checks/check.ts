/** One thing that `doctor` looks at. */
export interface Finding {
  /** `good` and `note` need nothing done; `limited` takes something away; `bad` takes a door away. */
  readonly level: 'good' | 'note' | 'limited' | 'bad'
  /** What was looked at, in a word or two. */
  readonly about: string
  readonly says: string
  /** What to do about it. */
  readonly remedy?: string
  /** A few of what was found, as a shell reads them. */
  readonly examples?: readonly string[]
}
