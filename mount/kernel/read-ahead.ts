/**
 * How far the kernel reads ahead of whoever reads a file from one end to the other: 128 KiB unless somebody says
 * more, which at a request a time leaves either the program or us waiting. Only root may say so, in sysfs.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { mountTable } from '../../lib/sys/mountinfo.ts'

/** With more, the requests become so large that what is copied falls out of the processor's cache. */
const kibibytes = 256

/** Raises it for a mount of ours. Where that can't be, it stays as it is: a matter of speed alone. */
export function readFurtherAhead(mountpoint: string): void {
  const device = mountTable().findLast((mount) => mount.mountpoint === mountpoint)?.device
  if (device === undefined) return
  const setting = `/sys/class/bdi/${device}/read_ahead_kb`
  try {
    if (Number(readFileSync(setting, 'latin1')) < kibibytes) writeFileSync(setting, String(kibibytes))
  } catch {
    // Not root, or sysfs is read-only, as in a container.
  }
}
