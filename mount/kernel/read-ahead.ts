/**
 * How far the kernel reads ahead of whoever reads a file from one end to the other: 128 KiB unless somebody says
 * more, which at a request a time leaves either the program or us waiting. Only root may say so, in sysfs.
 */
import { readFileSync, writeFileSync } from 'node:fs'

/** With more, the requests become so large that what is copied falls out of the processor's cache. */
const kibibytes = 256

/** Raises it for the mount whose file system is `device`, MAJOR:MINOR. Where that can't be, it stays as it is: a matter of speed alone. */
export function readFurtherAhead(device: string): void {
  const setting = `/sys/class/bdi/${device}/read_ahead_kb`
  try {
    if (Number(readFileSync(setting, 'latin1')) < kibibytes) writeFileSync(setting, String(kibibytes))
  } catch {
    // Not root, or sysfs is read-only, as in a container.
  }
}
