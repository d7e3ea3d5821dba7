/** `npm test` with names, in a small repository of its own with the tools of this one. */
import { spawnSync } from 'node:child_process'
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'

const repository = fileURLToPath(new URL('../..', import.meta.url))
const scratch = mkdtempSync(join(tmpdir(), 'twofold-run-tests-'))
t.teardown(() => rmSync(scratch, { recursive: true }))
for (const file of ['package.json', '.run-tests.js', 'dist/lib/near-words.js']) {
  mkdirSync(dirname(join(scratch, file)), { recursive: true })
  copyFileSync(join(repository, file), join(scratch, file))
}
symlinkSync(join(repository, 'node_modules'), join(scratch, 'node_modules'))
for (const name of ['s3/door', 's3/door-handle', 'pages/door', 'bench/door']) {
  const file = join(scratch, `dist/test/${name}.js`)
  mkdirSync(dirname(file), { recursive: true })
  const tests = ['one', 'two'].map((test) => `t.test('${test}', async (t) => t.pass('${name}'))`)
  writeFileSync(file, ["import t from 'tap'", ...tests].join('\n'))
}

writeFileSync(join(scratch, 'dist/test/broken.js'), "import t from 'tap'\nt.fail('it is')\n")

/** Without what the tap that runs this tells its children. */
const { PATH, HOME } = process.env
const run = (...args: string[]) => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(scratch, '.run-tests.js'), ...args], {
    env: { PATH, HOME },
    encoding: 'utf8',
  })
  const ran = [...stdout.matchAll(/^(?:not )?ok \d+ - dist\/test\/(\S+)\.js/gm)].map(([, name]) => name)
  return { status, stdout, stderr, ran: ran.sort() }
}

t.test('without a name every test runs, and what is no test of the suite does not', async (t) => {
  const { ran, status } = run()
  t.same(ran, ['broken', 'pages/door', 's3/door', 's3/door-handle'])
  t.not(status, 0, 'one of them fails')
})

t.test('a name is that of a file, or several of a path', async (t) => {
  t.match(run('door'), { ran: ['pages/door', 's3/door'], status: 0 })
  t.same(run('test/pages', 's3/door.ts').ran, ['pages/door', 's3/door'])
})

t.test('what nothing is called is any piece of a path, and options are for tap', async (t) => {
  const { ran, stdout } = run('oor-ha', '--grep=one')
  t.same(ran, ['s3/door-handle'])
  t.match(stdout, '# { total: 2, pass: 1, skip: 1 }')
})

t.test('a name that no test has is an error, which tells those that are near', async (t) => {
  const { status, stderr } = run('s3/door', 'dor')
  t.not(status, 0)
  t.match(stderr, 'no test is called "dor"')
  t.match(stderr, /^ {2}s3\/door$/m)
  t.notMatch(stderr, 'door-handle')
  t.match(run('elsewhere').stderr, /^ {2}s3\/door-handle$/m, 'or all, where none is')
})
