/** What is a table in the code is the same table in the documentation, and what that names is there. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import t from 'tap'
import { rendered, tables, top } from './fixtures/doc-tables.ts'

for (const mark of Object.keys(tables)) {
  t.test(`the table of ${mark} is the code's`, async (t) => {
    const { page, was, now } = await rendered(mark)
    t.equal(was, now, `${page}: "npm run docs" writes it anew`)
  })
}

const pages = ['', 'docs'].flatMap((directory) =>
  readdirSync(join(top, directory))
    .filter((name) => name.endsWith('.md'))
    .map((name) => join(directory, name)),
)

for (const page of pages) {
  t.test(`the files that ${page} names are there`, async (t) => {
    const text = readFileSync(join(top, page), 'utf8')
    const named = [...text.matchAll(/`((?:lib|mount|daemon|test|docs|systemd|\.ci)\/[^\s`]*)/g)]
      .map(([, path = '']) => path)
      .filter((path) => !/[*…]/.test(path))
    const linked = [...text.matchAll(/\]\(([^):#]+)(?:#[^)]*)?\)/g)].map(([, path = '']) =>
      join(dirname(page), path),
    )
    t.same(
      [...named, ...linked].filter((path) => !existsSync(join(top, path))),
      [],
    )
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
