/**
 * Which disks may keep whoever asks them waiting for ever, by their record and the mount table alone: nothing here
 * touches a disk. On such file systems somebody else answers, a FUSE daemon or another machine, who may be away.
 */
import type { Disk } from '../disk.ts'
import { isRemoteName, remoteTypes } from '../sys/filesystem.ts'
import { currentMounts, mountChanges } from '../sys/mount-watch.ts'

/** Records are replaced whole, so that each is judged once for each state of the mount table. */
const known = new WeakMap<Disk, { readonly changes: number; readonly answer: boolean }>()

/** True where a call on the disk's root, on the way there or on what S3 shows of it may not return. */
export function mayNotAnswer(disk: Disk): boolean {
  const changes = mountChanges()
  const before = known.get(disk)
  if (before?.changes === changes) return before.answer
  const answer = judge(disk)
  known.set(disk, { changes, answer })
  return answer
}

let ofPaths = { changes: -1, answer: false }

/** Whether following some path, links and all, may not return. Where nothing is mounted that may not answer, nothing can lead there. */
export function anyPathMayNotAnswer(): boolean {
  const changes = mountChanges()
  if (ofPaths.changes !== changes) {
    const answer = currentMounts().some(({ mountpoint, type }) => mountpoint !== '/' && isRemoteName(type))
    ofPaths = { changes, answer }
  }
  return ofPaths.answer
}

function judge({ identity, root, settings, letGo }: Disk): boolean {
  // Nobody asks it.
  if (letGo) return false
  const [, type = ''] = identity.fileSystem.split(':')
  if (remoteTypes.has(Number.parseInt(type, 16))) return true
  const roots = [root, ...(settings.symlinks === 'follow' ? settings.followInto : [])]
  return currentMounts().some(({ mountpoint, type }) => {
    // Where everything lies on it, nothing is gained.
    if (!isRemoteName(type) || mountpoint === '/') return false
    return roots.some((directory) => {
      const isOnTheWay = directory === mountpoint || directory.startsWith(`${mountpoint}/`)
      const isInside = mountpoint.startsWith(`${directory === '/' ? '' : directory}/`)
      return isOnTheWay || (settings.crossDevices && isInside)
    })
  })
}
