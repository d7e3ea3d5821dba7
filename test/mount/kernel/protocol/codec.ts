import t from 'tap'
import { emptyStat, makedev } from '../../../../lib/sys/stat.ts'
import type { Entry, NodeId } from '../../../../mount/filesystem.ts'
import { operations } from '../../../../mount/kernel/operations.ts'
import {
  HEADER_OUT,
  putAttrOut,
  putEntry,
  Reply,
  Request,
  validity,
} from '../../../../mount/kernel/protocol/codec.ts'
import { describeFlags } from '../../../../mount/kernel/protocol/describe.ts'
import { DirentPacker } from '../../../../mount/kernel/protocol/dirent.ts'
import { FOPEN, INIT } from '../../../../mount/kernel/protocol/flags.ts'
import { negotiate } from '../../../../mount/kernel/protocol/negotiate.ts'
import { opcodeName } from '../../../../mount/kernel/protocol/opcode-numbers.ts'
import * as layout from '../../../../mount/kernel/protocol/structs.ts'
import { count, i64, struct, u32, u64 } from '../../../../mount/kernel/protocol/wire.ts'

t.test('structs have the sizes that linux/fuse.h gives them', async (t) => {
  const sizes: Record<string, number> = {
    fuse_in_header: 40,
    fuse_out_header: 16,
    fuse_init_in: 16,
    'fuse_init_in (ext)': 48,
    fuse_init_out: 64,
    fuse_attr: 88,
    fuse_entry_out: 128,
    fuse_attr_out: 104,
    fuse_open_out: 16,
    fuse_forget_in: 8,
    fuse_batch_forget_in: 8,
    fuse_forget_one: 16,
    fuse_getattr_in: 16,
    fuse_setattr_in: 88,
    fuse_mknod_in: 16,
    fuse_mkdir_in: 8,
    fuse_rename_in: 8,
    fuse_rename2_in: 16,
    fuse_link_in: 8,
    fuse_open_in: 8,
    fuse_create_in: 16,
    fuse_release_in: 24,
    fuse_flush_in: 24,
    fuse_read_in: 40,
    'fuse_read_in (directory)': 40,
    fuse_write_in: 40,
    fuse_write_out: 8,
    fuse_kstatfs: 80,
    fuse_fsync_in: 16,
    'fuse_setxattr_in (compat)': 8,
    fuse_setxattr_in: 16,
    fuse_getxattr_in: 8,
    fuse_getxattr_out: 8,
    fuse_access_in: 8,
    fuse_interrupt_in: 8,
    fuse_fallocate_in: 32,
    fuse_lseek_in: 24,
    fuse_lseek_out: 8,
    fuse_copy_file_range_in: 56,
    fuse_copy_file_range_out: 8,
    fuse_syncfs_in: 8,
    fuse_file_lock: 24,
    fuse_lk_in: 48,
    fuse_lk_out: 24,
    fuse_statx_in: 24,
    fuse_statx: 256,
    fuse_statx_out: 288,
    fuse_dirent: 24,
    fuse_notify_inval_inode_out: 24,
    fuse_notify_inval_entry_out: 16,
    fuse_backing_map: 16,
  }
  const ours = Object.fromEntries(Object.values(layout).map(({ name, size }) => [name, size]))
  t.same(ours, sizes)
})

t.test('what is written is read', async (t) => {
  const view = new DataView(new ArrayBuffer(64))
  const sample = struct('sample', { a: u32, b: u32, c: u64, d: count, e: i64 })
  for (const value of [
    { a: 1, b: 0xffffffff, c: 2n ** 64n - 1n, d: Number.MAX_SAFE_INTEGER, e: -1 },
    { a: 0, b: 0, c: 0n, d: 2 ** 32, e: -(2 ** 40) - 3 },
    { a: 7, b: 9, c: 11n, d: 4294967295, e: 2 ** 33 + 1 },
  ]) {
    sample.write(view, 8, value)
    t.same(sample.read(view, 8), value)
  }
  t.throws(() => struct('crooked', { a: u32, b: u64 }), RangeError)
  view.setBigUint64(0, 2n ** 53n, true)
  t.throws(() => count.read(view, 0), { name: 'Malformed' })
})

t.test('attributes are written as the table has them', async (t) => {
  const stat = {
    ...emptyStat(),
    ino: 2n ** 63n + 5n,
    size: 2 ** 45,
    blocks: 8,
    atime: -1,
    atimeNs: 999_999_999,
    mtime: 2 ** 34,
    mtimeNs: 1,
    ctime: 5,
    ctimeNs: 6,
    mode: 0o100644,
    nlink: 3,
    uid: 1000,
    gid: 0xfffffffe,
    rdev: makedev(259, 1048575),
    blksize: 4096,
  }
  const valid = validity(1.5, 0.25)
  const { view } = new Reply(4096)
  t.equal(putAttrOut(view, 0, stat, valid), layout.attrOut.size)
  const out = layout.attrOut.read(view, 0)
  t.match(out, { attr_valid: 0, attr_valid_nsec: 250_000_000 })
  const { ino, size, atime, atimensec, mtime, mode, nlink, uid, gid, blksize } = out.attr
  t.same(
    { ino, size, atime, atimensec, mtime, mode, nlink, uid, gid, blksize },
    {
      ino: stat.ino,
      size: stat.size,
      atime: -1,
      atimensec: 999_999_999,
      mtime: 2 ** 34,
      mode: stat.mode,
      nlink: 3,
      uid: 1000,
      gid: 0xfffffffe,
      blksize: 4096,
    },
  )
  t.equal(out.attr.rdev, (0xff | (259 << 8) | ((1048575 & ~0xff) << 12)) >>> 0)
  putEntry(view, 0, { node: 9 as NodeId, attributes: stat }, valid)
  t.match(layout.entryOut.read(view, 0), {
    nodeid: 9,
    entry_valid: 1,
    entry_valid_nsec: 500_000_000,
    attr: { size: 2 ** 45 },
  })
})

t.test('a request is taken apart, and a bad one refused', async (t) => {
  const request = new Request(4096)
  const make = (arguments_: Buffer, opcode = 1) => {
    layout.inHeader.write(request.view, 0, {
      len: 40 + arguments_.length,
      opcode,
      unique: 77n,
      nodeid: 1,
      uid: 1,
      gid: 2,
      pid: 3,
      total_extlen: 0,
    })
    request.bytes.set(arguments_, 40)
    request.open(40 + arguments_.length)
  }
  make(Buffer.from('name\0rest\0'))
  t.equal(request.caller.uid, 1)
  t.equal(Buffer.from(request.name()).toString(), 'name\0')
  t.equal(Buffer.from(request.string()).toString(), 'rest\0')
  t.throws(() => request.string(), { name: 'Malformed' })
  for (const bad of ['a/b\0', '.\0', '..\0', '\0', 'unended']) {
    make(Buffer.from(bad))
    t.throws(() => request.name(), { name: 'Malformed' }, JSON.stringify(bad))
  }
  make(Buffer.from('\0\0\0'))
  t.throws(() => request.take(layout.openIn), { name: 'Malformed' })
  make(Buffer.alloc(8))
  t.throws(() => request.open(47), { name: 'Malformed' }, 'another length than the header has')
})

t.test('directory entries are packed until the page is full', async (t) => {
  const reply = new Reply(4096)
  const packer = new DirentPacker(reply, validity(1, 1))
  const bytes = Buffer.alloc(64)
  bytes.writeBigUInt64LE(42n, 0)
  bytes.writeBigInt64LE(-5n, 8)
  bytes.write('entry', 19)
  const from = { bytes, at: 0, nameStart: 19, nameEnd: 24, type: 8 }
  packer.begin(70, false)
  t.ok(packer.fits(5))
  packer.add(from, null)
  t.equal(packer.length, 32)
  packer.add(from, null)
  t.notOk(packer.fits(1))
  t.same(layout.dirent.read(reply.view, HEADER_OUT), { ino: 42n, off: 2n ** 64n - 5n, namelen: 5, type: 8 })
  t.equal(reply.bytes.toString('latin1', HEADER_OUT + 24, HEADER_OUT + 29), 'entry')
  packer.begin(4096, true)
  const entry: Entry = { node: 6 as NodeId, attributes: emptyStat() }
  packer.add(from, entry)
  t.equal(packer.length, 160)
  t.equal(layout.entryOut.read(reply.view, HEADER_OUT).nodeid, 6)
  t.equal(layout.dirent.read(reply.view, HEADER_OUT + 128).ino, 42n)
})

t.test('operations have the numbers of the header', async (t) => {
  const numbers = { LOOKUP: 1, FORGET: 2, SETATTR: 4, OPEN: 14, READDIRPLUS: 44, RENAME2: 45, STATX: 52 }
  for (const [name, number] of Object.entries(numbers)) t.equal(operations[number]?.name, name)
  t.same(
    operations.filter((row) => row?.replies === false).map((row) => row?.name),
    ['FORGET', 'INTERRUPT', 'BATCH_FORGET'],
  )
  t.equal(opcodeName(38), 'DESTROY')
  t.equal(opcodeName(999), 'opcode 999')
  t.equal(describeFlags(FOPEN, FOPEN.PASSTHROUGH | FOPEN.NOFLUSH | (1 << 20)), 'NOFLUSH|PASSTHROUGH|0x100000')
})

t.test('a kernel without INIT_EXT gets no second word of flags', async (t) => {
  const offer = { major: 7, minor: 31, maxReadahead: 131072, flags: 0x3fffffff, flags2: 0xffffffff }
  const settled = negotiate(offer, { locks: false, passthrough: true, stackDepth: 1, maxWrite: 1 << 20 })
  t.match(settled, { kind: 'settled', out: { flags2: 0, max_stack_depth: 0, max_pages: 256 } })
})

t.test('locks are asked for where they are to come to us, and else left to the kernel', async (t) => {
  const offer = { major: 7, minor: 45, maxReadahead: 131072, flags: 0x7fffffff, flags2: 0 }
  const both = INIT.POSIX_LOCKS | INIT.FLOCK_LOCKS
  for (const locks of [true, false]) {
    const settled = negotiate(offer, { locks, passthrough: true, stackDepth: 1, maxWrite: 1 << 20 })
    t.equal(settled.kind === 'settled' && settled.out.flags & both, locks ? both : 0)
  }
})
