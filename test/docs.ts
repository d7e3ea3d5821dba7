/** What is a table in the code is the same table in the documentation. */
import t from 'tap'
import { rendered, tables, unaligned } from './fixtures/doc-tables.ts'

for (const mark of Object.keys(tables)) {
  t.test(`the table of ${mark} is the code's`, async (t) => {
    const { page, was, now } = rendered(mark)
    t.equal(
      unaligned(was),
      unaligned(now),
      `${page}: write it anew with "node dist/test/fixtures/doc-tables.js"`,
    )
  })
}
