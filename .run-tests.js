// npm test: the whole suite. npm test -- NAME...: the tests of those names, as sigv4, mount/disk or integration/cli.
// A name is a file's or a directory's, or several of a path; where nothing is called that, any piece of a path.
// What begins with a dash goes to tap.
import { execFileSync, spawn } from 'node:child_process'
import { nearWords } from './dist/lib/near-words.js'

const cwd = import.meta.dirname
// By the Node that runs this, which the tests then run on.
const tap = (args) => [process.execPath, [`${cwd}/node_modules/.bin/tap`, ...args]]

/** By what a test is called: its path from test/ on, without the ending. */
function everyTest() {
  const files = execFileSync(...tap(['list']), { cwd, encoding: 'utf8' })
    .trim()
    .split('\n')
  return new Map(files.map((file) => [file.replace(/^dist\/test\/|\.js$/g, ''), file]))
}

function testsOf(name, tests) {
  const wanted = name.replace(/^dist\/|\/$|\.[jt]s$/g, '')
  const called = [...tests.keys()]
  const whole = called.filter((path) => `/test/${path}/`.includes(`/${wanted}/`))
  const found = whole.length > 0 ? whole : called.filter((path) => `test/${path}`.includes(wanted))
  if (found.length > 0) return found.map((path) => tests.get(path))
  const near = called.filter((path) => nearWords(wanted, [path, ...path.split('/')]).length > 0)
  console.error(`no test is called "${name}", but ${near.length > 0 ? 'nearly so' : 'there are'}:`)
  for (const path of near.length > 0 ? near : called) console.error(`  ${path}`)
  process.exit(1)
}

const args = process.argv.slice(2)
const names = args.filter((arg) => !arg.startsWith('-'))
const tests = names.length > 0 ? everyTest() : new Map()
const files = new Set(names.flatMap((name) => testsOf(name, tests)))
// Ctrl-C reaches tap too, and this waits for its end.
process.on('SIGINT', () => {})
spawn(...tap([...args.filter((arg) => arg.startsWith('-')), ...files]), { cwd, stdio: 'inherit' }).on(
  'exit',
  (status) => (process.exitCode = status ?? 1),
)
