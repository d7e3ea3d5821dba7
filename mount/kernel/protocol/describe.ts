/** A struct's fields as words of a trace line, with the names that headers give to flags and to choices. */
import { FALLOC, SEEK } from '../../../lib/sys/file.ts'
import { F } from '../../../lib/sys/lock.ts'
import { O, RENAME } from '../../../lib/sys/open.ts'
import {
  FATTR,
  FOPEN,
  FSYNC,
  GETATTR,
  INIT,
  INIT2,
  LK,
  OPEN,
  READ,
  RELEASE,
  SETXATTR,
  WRITE,
} from './flags.ts'

type Names = Readonly<Record<string, number>>
/** A field's value in words. */
type Words = (value: number) => string

const bitsOf = (value: number): number => value.toString(2).replaceAll('0', '').length

/** `A|B|0x40`: the names of the bits that are set, and what has no name as a number. */
export function describeFlags(table: Names, value: number, prefix = ''): string {
  const names: string[] = []
  let rest = value
  // What is made of several bits (O_SYNC) comes before what is one of them (O_DSYNC).
  for (const [name, bits] of Object.entries(table).sort(([, a], [, b]) => bitsOf(b) - bitsOf(a))) {
    if (bits === 0 || (rest & bits) !== bits) continue
    names.push(prefix + name)
    rest &= ~bits
  }
  if (rest !== 0) names.push(`0x${(rest >>> 0).toString(16)}`)
  return names.length === 0 ? '0' : names.join('|')
}

const { ACCMODE, RDONLY, WRONLY, RDWR, ...openBits } = O

/** Of open(2): `O_RDWR|O_APPEND`. How the file may be accessed is two bits, and O_RDONLY none of them. */
export function describeOpenFlags(value: number): string {
  const access = describeChoice({ RDONLY, WRONLY, RDWR, ACCMODE }, value & ACCMODE, 'O_')
  const rest = value & ~ACCMODE
  return rest === 0 ? access : `${access}|${describeFlags(openBits, rest, 'O_')}`
}

function describeChoice(table: Names, value: number, prefix: string): string {
  const name = Object.keys(table).find((key) => table[key] === value)
  return name === undefined ? String(value) : prefix + name
}

const flags =
  (table: Names, prefix = ''): Words =>
  (value) =>
    describeFlags(table, value, prefix)
const choice =
  (table: Names, prefix: string): Words =>
  (value) =>
    describeChoice(table, value, prefix)
const octal: Words = (value) => `0${value.toString(8)}`

/** Those whose zero is a name too; what else is zero is left out of a line. */
const always: Readonly<Record<string, Words>> = {
  'fuse_open_in.flags': describeOpenFlags,
  'fuse_create_in.flags': describeOpenFlags,
  'fuse_release_in.flags': describeOpenFlags,
  'fuse_read_in.flags': describeOpenFlags,
  'fuse_read_in (directory).flags': describeOpenFlags,
  'fuse_write_in.flags': describeOpenFlags,
  'fuse_lseek_in.whence': choice(SEEK, 'SEEK_'),
  'lk.type': choice(F, 'F_'),
}

/** linux/xattr.h */
const XATTR = { CREATE: 1, REPLACE: 2 }
/** unistd.h */
const ACCESS = { R_OK: 4, W_OK: 2, X_OK: 1 }

const named: Readonly<Record<string, Words>> = {
  'fuse_init_in.flags': flags(INIT),
  'fuse_init_in (ext).flags2': flags(INIT2),
  'fuse_init_out.flags': flags(INIT),
  'fuse_init_out.flags2': flags(INIT2),
  'fuse_getattr_in.getattr_flags': flags(GETATTR),
  'fuse_statx_in.getattr_flags': flags(GETATTR),
  'fuse_setattr_in.valid': flags(FATTR),
  'fuse_open_in.open_flags': flags(OPEN),
  'fuse_create_in.open_flags': flags(OPEN),
  'fuse_open_out.open_flags': flags(FOPEN),
  'fuse_release_in.release_flags': flags(RELEASE),
  'fuse_read_in.read_flags': flags(READ),
  'fuse_read_in (directory).read_flags': flags(READ),
  'fuse_write_in.write_flags': flags(WRITE),
  'fuse_fsync_in.fsync_flags': flags(FSYNC),
  'fuse_fallocate_in.mode': flags(FALLOC, 'FALLOC_FL_'),
  'fuse_rename2_in.flags': flags(RENAME, 'RENAME_'),
  'fuse_setxattr_in.flags': flags(XATTR, 'XATTR_'),
  'fuse_setxattr_in (compat).flags': flags(XATTR, 'XATTR_'),
  'fuse_setxattr_in.setxattr_flags': flags(SETXATTR),
  'fuse_access_in.mask': flags(ACCESS),
  'fuse_lk_in.lk_flags': flags(LK),
}

/** By the field's own name, whatever the struct. */
const everywhere: Readonly<Record<string, Words>> = { mode: octal, umask: octal }

/** `fh=7 flags=O_RDWR|O_APPEND`. `name`: the struct's, or the field's in which it lies. */
export function describe(name: string, value: object): string {
  const words: string[] = []
  for (const [key, field] of Object.entries(value) as [string, unknown][]) {
    const place = `${name}.${key}`
    if (typeof field === 'object' && field !== null) words.push(`${key}={${describe(key, field)}}`)
    else if (typeof field === 'number' && always[place]) words.push(`${key}=${always[place](field)}`)
    else if (field === 0 || field === 0n) continue
    else if (typeof field === 'number') {
      words.push(`${key}=${(named[place] ?? everywhere[key] ?? String)(field)}`)
    } else if (typeof field === 'bigint') words.push(`${key}=0x${field.toString(16)}`)
  }
  return words.join(' ')
}
