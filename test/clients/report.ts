/** What each check of each client came to: said at once, counted for the closing line. */

export class Report {
  passed = 0
  failed = 0
  skipped = 0
  readonly #client: string

  constructor(client: string) {
    this.#client = client
  }

  ok(name: string): void {
    this.passed++
    console.log(`ok - ${this.#client}: ${name}`)
  }

  notOk(name: string, reason: string): void {
    this.failed++
    console.log(`not ok - ${this.#client}: ${name}`)
    for (const line of reason.trimEnd().split('\n').slice(-40)) console.log(`  # ${line}`)
  }

  skip(reason: string): void {
    this.skipped++
    console.log(`skipped - ${this.#client}: ${reason}`)
  }

  /** One check: it passes when `attempt` does not throw. */
  async check(name: string, attempt: () => Promise<void> | void): Promise<void> {
    try {
      await attempt()
    } catch (error) {
      return this.notOk(name, error instanceof Error ? error.message : String(error))
    }
    this.ok(name)
  }
}
