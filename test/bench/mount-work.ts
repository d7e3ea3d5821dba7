/**
 * One row of the mount's bench, run in a process of its own: `mount-work.js ROW DIRECTORY LABEL` prints how much
 * of it was done in a second. The directory shows what `prepare` made in it; LABEL names what this run makes.
 *
 * Nothing is removed between two rows that create: ext4 without a journal goes out of the way of inodes that were
 * deleted in the last minute, one by one, and whoever creates next would pay for it.
 */
import { execFileSync } from 'node:child_process'
import {
  closeSync,
  existsSync,
  fsyncSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  rmdirSync,
  statSync,
  unlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { must } from '../../lib/sys/libc.ts'
import { AT_FDCWD, AT_SYMLINK_NOFOLLOW } from '../../lib/sys/open.ts'
import { modeAt } from '../../lib/sys/stat.ts'

export interface Row {
  readonly title: string
  readonly unit: string
  /** How much a second. */
  run(directory: string, label: string): number
}

const LARGE = 256 << 20
const LISTED = 10_000
const STATTED = 10_000
const SMALL = 4_000
const CREATED = 2_000
export const TREE_FILES = 50_000
const KIB = 1024

/** Makes what the rows work on; what is there already is kept. */
export function prepare(root: string): void {
  const make = (name: string, files: number, size: number) => {
    const directory = join(root, name)
    if (existsSync(directory)) return
    mkdirSync(directory)
    const bytes = Buffer.alloc(size, name)
    for (let i = 0; i < files; i++) writeFileSync(join(directory, `file-${i}.txt`), bytes)
  }
  make('listed', LISTED, 0)
  make('statted', STATTED, 0)
  make('lstatted', STATTED, 0)
  make('small', SMALL, KIB)
  const large = join(root, 'large.bin')
  if (existsSync(large)) return
  const fd = openSync(large, 'w')
  for (let i = 0; i < LARGE >> 20; i++) writeSync(fd, Buffer.alloc(1 << 20, i))
  fsyncSync(fd)
  closeSync(fd)
}

/** A tree of 50,000 small files in 500 directories, as an archive and as a git repository. */
export function prepareTree(root: string): void {
  const archive = join(root, 'tree.tar')
  if (existsSync(archive)) return
  const tree = join(root, 'tree')
  for (let d = 0; d < TREE_FILES / 100; d++) {
    const directory = join(tree, `d${d % 25}`, `e${d}`)
    mkdirSync(directory, { recursive: true })
    for (let i = 0; i < 100; i++) writeFileSync(join(directory, `source-${i}.c`), `int f${d}_${i};\n`)
  }
  execFileSync('tar', ['-cf', archive, '-C', root, 'tree'])
  const git = (...words: string[]) => execFileSync('git', ['-C', tree, ...words], { stdio: 'ignore' })
  git('init')
  git('-c', 'gc.auto=0', 'add', '-A')
  git('-c', 'user.name=b', '-c', 'user.email=b@localhost', 'commit', '-qm', 'tree')
}

function timed(amount: number, work: () => void): number {
  const began = process.hrtime.bigint()
  work()
  return (amount * 1e9) / Number(process.hrtime.bigint() - began)
}

export const rows: Readonly<Record<string, Row>> = {
  'stat-cold': {
    title: 'stat with birth time (as Node asks it), cold',
    unit: 'per s',
    run: (directory) =>
      timed(STATTED, () => {
        for (let i = 0; i < STATTED; i++) lstatSync(join(directory, 'statted', `file-${i}.txt`))
      }),
  },
  'lstat-cold': {
    title: 'stat as C programs ask it (no birth time), cold',
    unit: 'per s',
    run: (directory) =>
      timed(STATTED, () => {
        for (let i = 0; i < STATTED; i++) {
          const path = join(directory, 'lstatted', `file-${i}.txt`)
          must(modeAt(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW), 'lstat', path)
        }
      }),
  },
  'readdir-stat': {
    title: 'readdir + stat with birth time',
    unit: 'entries/s',
    run: (directory) =>
      timed(LISTED, () => {
        const listed = join(directory, 'listed')
        for (const name of readdirSync(listed)) lstatSync(join(listed, name))
      }),
  },
  'open-read-close': {
    title: 'open + read + close',
    unit: 'per s',
    run: (directory) => {
      const buffer = Buffer.alloc(KIB)
      return timed(SMALL, () => {
        for (let i = 0; i < SMALL; i++) {
          const fd = openSync(join(directory, 'small', `file-${i}.txt`), 'r')
          readSync(fd, buffer)
          closeSync(fd)
        }
      })
    },
  },
  create: {
    title: 'create',
    unit: 'per s',
    run: (directory, label) => {
      const fresh = join(directory, `fresh-${label}`)
      mkdirSync(fresh)
      return timed(CREATED, () => {
        for (let i = 0; i < CREATED; i++) closeSync(openSync(join(fresh, `file-${i}.txt`), 'wx'))
      })
    },
  },
  unlink: {
    title: 'unlink',
    unit: 'per s',
    run: (directory, label) => {
      const fresh = join(directory, `fresh-${label}`)
      const rate = timed(CREATED, () => {
        for (let i = 0; i < CREATED; i++) unlinkSync(join(fresh, `file-${i}.txt`))
      })
      rmdirSync(fresh)
      return rate
    },
  },
  'write-4k': {
    title: '4 KiB writes',
    unit: 'MB/s',
    run: (directory, label) => {
      const path = join(directory, `written-${label}.bin`)
      const buffer = Buffer.alloc(4 * KIB, 'w')
      const fd = openSync(path, 'w')
      const rate = timed(64, () => {
        for (let i = 0; i < 16_384; i++) writeSync(fd, buffer)
      })
      closeSync(fd)
      return rate * 1.048576
    },
  },
  'read-sequential': {
    title: 'sequential read',
    unit: 'MB/s',
    run: (directory) => {
      const buffer = Buffer.alloc(128 * KIB)
      const fd = openSync(join(directory, 'large.bin'), 'r')
      const rate = timed(LARGE / 1e6, () => {
        while (readSync(fd, buffer) > 0);
      })
      closeSync(fd)
      return rate
    },
  },
  'read-random': {
    title: 'random 4 KiB read',
    unit: 'MB/s',
    run: (directory) => {
      const count = 20_000
      const buffer = Buffer.alloc(4 * KIB)
      const path = join(directory, 'large.bin')
      const blocks = statSync(path).size / buffer.length
      const fd = openSync(path, 'r')
      let seed = 1
      const rate = timed((count * buffer.length) / 1e6, () => {
        for (let i = 0; i < count; i++) {
          seed = (Math.imul(seed, 1103515245) + 12345) >>> 0
          readSync(fd, buffer, 0, buffer.length, (seed % blocks) * buffer.length)
        }
      })
      closeSync(fd)
      return rate
    },
  },
}

/** On 50,000 files, and asked for by name only: each takes a minute or so. */
export const treeRows: Readonly<Record<string, Row>> = {
  'git-status': {
    title: 'git status, 50,000 files',
    unit: 'files/s',
    run: (directory) =>
      timed(TREE_FILES, () => {
        execFileSync('git', [
          '-C',
          join(directory, 'tree'),
          '-c',
          'safe.directory=*',
          'status',
          '--porcelain',
        ])
      }),
  },
  'tar-x': {
    title: 'tar x, 50,000 files',
    unit: 'files/s',
    run: (directory, label) => {
      const target = join(directory, `extracted-${label}`)
      mkdirSync(target)
      return timed(TREE_FILES, () => {
        execFileSync('tar', ['-xf', join(directory, 'tree.tar'), '-C', target])
      })
    },
  },
}

const [name = '', directory, label = ''] = process.argv.slice(2)
const row = process.argv[1]?.endsWith('mount-work.js') ? (rows[name] ?? treeRows[name]) : undefined
if (row !== undefined && directory !== undefined) process.stdout.write(`${row.run(directory, label)}\n`)
