/** fio, which verifies what it wrote: big and in order, by mapping with msync, past the cache, and mixed. */
import { sh, type Role } from './role.ts'

const verified = '--verify=crc32c --do_verify=1 --verify_fatal=1 --minimal --name=soak --filename=fio'
const jobs = [
  '--rw=write --bs=1M --size=64M --ioengine=psync --end_fsync=1',
  '--rw=randwrite --bs=4k --size=4M --ioengine=mmap --fsync=32',
  '--rw=randwrite --bs=4k --size=4M --ioengine=psync --direct=1',
  '--rw=randrw --bs=2k-32k --size=16M --ioengine=psync --fsync=16',
  '--rw=randwrite --bs=8k --size=8M --ioengine=libaio --iodepth=8',
  '--rw=write --bs=128k --size=32M --ioengine=psync --fallocate=none',
]

export const fio = (user: number): Role => ({
  name: 'fio',
  user,
  needs: ['fio'],
  round: async ({ directory }, i) =>
    void (await sh(
      directory,
      `rm -f fio* && fio ${verified} ${jobs[i % jobs.length]} >/dev/null && rm -f fio*`,
    )),
  check: () => ({ checked: 0, lost: [] }),
})
