/** What is a table in the code is the same table in the documentation. */
import { readFileSync } from 'node:fs'
import t from 'tap'
import { rendered, tables } from './fixtures/doc-tables.ts'

for (const mark of Object.keys(tables)) {
  t.test(`the table of ${mark} is the code's`, async (t) => {
    const { page, was, now } = await rendered(mark)
    t.equal(was, now, `${page}: "npm run docs" writes it anew`)
  })
}

t.test('the versions of the clients tried are those that are installed', (t) => {
  const page = readFileSync('docs/s3-compatibility.md', 'utf8')
  const read = (name: string) => readFileSync(`test/clients/${name}`, 'utf8')
  const pins = [
    ...read('python/requirements.txt').matchAll(/^(.+)==(.+)$/gm),
    ...read('javascript/package.json').matchAll(/"(@aws-sdk\/client-s3|minio|aws4fetch|hyparquet)": "(.+)"/g),
    ...read('java/pom.xml').matchAll(/<(hadoop|aws)\.version>(.+)<\//g),
  ]
  t.ok(pins.length > 15)
  for (const [, name, version] of pins)
    t.ok(version !== undefined && page.includes(version), `${name} ${version}`)
  t.end()
})
