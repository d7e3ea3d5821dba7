/** What the processes say to each other, and what the documentation says of it. */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import t from 'tap'

/** Compiled, this file lies in dist/test/daemon/processes. */
const text = (path: string) =>
  readFileSync(fileURLToPath(new URL(`../../../../${path}`, import.meta.url)), 'utf8')

t.test('every message is in the architecture’s table, and every row there is a message', async (t) => {
  const messages = text('daemon/processes/messages.ts').matchAll(/\btype: '(\w+)'/g)
  const rows = text('docs/architecture.md').matchAll(/^\|((?: `\w+`,?)+) +\|.*→/gm)
  const names = [...rows].flatMap(([, cell = '']) => [...cell.matchAll(/\w+/g)].map(([name]) => name))
  t.ok(names.length > 10)
  t.same(names.sort(), [...new Set([...messages].map(([, name]) => name))].sort())
})
