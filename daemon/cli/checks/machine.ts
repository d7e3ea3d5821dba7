/** What the machine grants every process, and what a busy daemon wants of it. */
import { readFileSync } from 'node:fs'
import { landlockAbi, landlockGaps } from '../../../lib/sys/landlock.ts'
import type { Finding } from './check.ts'

/** Connections, open objects and directories in use at their default limits, with room. */
const wantedFiles = 16_384
/** Directories that listings keep current name by name. */
const wantedWatches = 65_536

export function machineFindings(): Finding[] {
  return [node(), openFiles(), watches(), landlock()]
}

function node(): Finding {
  return {
    level: 'good',
    about: 'Node',
    says: `${process.version} on ${process.platform} ${process.arch}`,
  }
}

/** The soft limit counts less: Node raises it to the hard one. */
function openFiles(): Finding {
  const about = 'open files'
  const line = /^Max open files\s+\S+\s+(\S+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))
  const hard = line?.[1] ?? 'unknown'
  if (hard === 'unlimited' || Number(hard) >= wantedFiles)
    return { level: 'good', about, says: `up to ${hard} of a process` }
  return {
    level: 'limited',
    about,
    says: `up to ${hard} of a process, fewer than ${wantedFiles}: many clients at once may be refused`,
    remedy: 'raise it with "ulimit -Hn", LimitNOFILE= of a unit, or /etc/security/limits.conf',
  }
}

function watches(): Finding {
  const about = 'inotify'
  try {
    const most = Number(readFileSync('/proc/sys/fs/inotify/max_user_watches', 'utf8'))
    if (most >= wantedWatches) return { level: 'good', about, says: `up to ${most} watches` }
    return {
      level: 'note',
      about,
      says: `up to ${most} watches: listings of more changing directories than that read them anew`,
      remedy: `sysctl fs.inotify.max_user_watches=${wantedWatches * 8}`,
    }
  } catch {
    return {
      level: 'note',
      about,
      says: 'this machine has none: listings read a changed directory anew',
    }
  }
}

function landlock(): Finding {
  const about = 'Landlock'
  const abi = landlockAbi()
  const gaps = landlockGaps(abi)
  if (gaps.length === 0)
    return { level: 'good', about, says: `ABI ${abi}: S3 workers reach the disks and nothing else` }
  return {
    level: 'limited',
    about,
    says: `${abi === 0 ? 'this kernel has none, or has it switched off' : `ABI ${abi}`}: whoever takes an S3 worker over isn't kept from ${gaps.join(', ')}`,
    remedy: `Linux 6.12 or later${abi === 0 ? ', with "landlock" among the boot parameter lsm=' : ''}`,
  }
}
