/** What a directory's file system offers to a disk, and what in it one of the doors won't show. */
import { Fault } from '../../../lib/errors.ts'
import { errno, errnoName, errnoOf } from '../../../lib/sys/errno.ts'
import { mountsInside } from '../../../lib/sys/mountinfo.ts'
import { newDiskId, type Disk, type DiskSettings } from '../../../lib/disk.ts'
import { identify } from '../../../lib/tree/root.ts'
import { surveyDirectory, type Survey } from '../../../lib/tree/survey.ts'
import { surveyUnseen, unseenKinds, type UnseenKind, type UnseenSurvey } from '../../../lib/tree/unseen.ts'
import { shellQuote } from '../shell-quote.ts'
import type { Finding } from './check.ts'

/** A directory, and how S3 shows it: as a disk says, or as one would that was made of it now. */
export interface Shown {
  readonly directory: string
  readonly settings: DiskSettings
  readonly mountpoint: string | null
  /** The disk's name. */
  readonly name: string
}

/** `progress` hears how many entries have been looked at. */
export function directoryFindings(shown: Shown, progress: (entries: number) => void): Finding[] {
  const { directory } = shown
  try {
    return [
      ...surveyFindings(surveyDirectory(directory)),
      ...unseenFindings(surveyUnseen(asDisk(shown), progress), shown),
      ...nestedMounts(shown),
    ]
  } catch (error) {
    if (error instanceof Fault) return [{ level: 'bad', about: 'root', says: error.message }]
    return [
      {
        level: 'bad',
        about: 'root',
        says: `${directory} can't be read (${errnoName(errnoOf(error))})`,
      },
    ]
  }
}

/** As the functions want it that go by a disk's record. */
const asDisk = ({ directory, settings, mountpoint }: Shown): Disk => ({
  id: newDiskId(),
  alias: null,
  account: 'default',
  kind: 'adopted',
  root: directory,
  identity: identify(directory),
  settings,
  tags: {},
  mountpoint,
  mountMade: null,
  mountReadOnly: false,
  letGo: false,
  createdAt: new Date().toISOString(),
})

function surveyFindings(survey: Survey): Finding[] {
  const { fileSystem, remote, attributes, reflink, unnamedFiles } = survey
  const findings: Finding[] = [
    remote
      ? {
          level: 'note',
          about: 'file system',
          says: `${fileSystem}: others may change it, so listings read directories anew; no passthrough`,
        }
      : { level: 'good', about: 'file system', says: fileSystem },
    survey.foldsCase
      ? {
          level: 'note',
          about: 'letter case',
          says: 'names that differ in case alone are one file; S3 finds a key as the directory spells it',
        }
      : { level: 'good', about: 'letter case', says: 'told apart' },
  ]
  if (unnamedFiles === 0) findings.push({ level: 'good', about: 'O_TMPFILE', says: 'offered' })
  else if ([errno.EACCES, errno.EROFS, errno.EPERM].includes(-unnamedFiles))
    findings.push({
      level: 'note',
      about: 'writing',
      says: `not possible here (${errnoName(-unnamedFiles)}); reading is`,
    })
  else
    findings.push({
      level: 'note',
      about: 'O_TMPFILE',
      says: `not offered (${errnoName(-unnamedFiles)}): what is written is staged under .twofold/`,
    })
  if (attributes === 0) findings.push({ level: 'good', about: 'xattr', says: 'offered' })
  else if (attributes !== undefined)
    findings.push({
      level: 'limited',
      about: 'xattr',
      says: `not offered (${errnoName(-attributes)}): metadata and tags that S3 clients set can't be kept`,
    })
  if (reflink === 0) findings.push({ level: 'good', about: 'reflink', says: 'offered' })
  else if (reflink !== undefined)
    findings.push({
      level: 'note',
      about: 'reflink',
      says: `not offered (${errnoName(-reflink)}): copies are written in full`,
    })
  return findings
}

interface Told {
  readonly about: string
  readonly says: string
  readonly level: Finding['level']
  readonly remedy?: (disk: string, directory: string) => string
}

const told: Readonly<Record<UnseenKind, Told>> = {
  foreign: {
    about: 'names',
    level: 'limited',
    says: 'not UTF-8; the mount shows them, S3 does not',
    remedy: (_, directory) => `convmv renames them: convmv -r -f latin1 -t utf8 ${directory}`,
  },
  long: {
    about: 'long paths',
    level: 'limited',
    says: 'longer than the 1,024 bytes of a key; the mount shows them, S3 does not',
  },
  special: {
    about: 'special files',
    level: 'note',
    says: 'FIFOs, sockets or devices; the mount shows them, S3 does not',
  },
  dangling: {
    about: 'dangling links',
    level: 'note',
    says: 'symbolic links that lead nowhere; the mount shows the link, S3 nothing',
  },
  outward: {
    about: 'outward links',
    level: 'limited',
    says: 'symbolic links that lead out of the disk; the mount shows the link, S3 nothing',
    remedy: (disk) =>
      `copy what they lead to into the disk, or have S3 follow them into a directory that you name: twofold disk set ${disk} --symlinks follow --follow-into DIR`,
  },
  unfollowed: {
    about: 'links',
    level: 'note',
    says: 'symbolic links, of which S3 follows none since the disk says --symlinks deny',
    remedy: (disk) => `twofold disk set ${disk} --symlinks inside`,
  },
  unread: {
    about: 'permissions',
    level: 'limited',
    says: 'not to be read by the user who runs this; what lies there was not looked at',
  },
}

function unseenFindings({ seen, complete, unseen }: UnseenSurvey, { name, directory }: Shown): Finding[] {
  const among = complete ? `${seen}` : `the first ${seen}`
  const findings: Finding[] = unseen.has('foreign')
    ? []
    : [{ level: 'good', about: 'names', says: `${among} looked at, all UTF-8` }]
  for (const kind of unseenKinds) {
    const found = unseen.get(kind)
    if (found === undefined) continue
    const { about, level, says, remedy } = told[kind]
    findings.push({
      about,
      level,
      says: `${found.count} of ${among}: ${says}`,
      ...(remedy === undefined ? {} : { remedy: remedy(name, shellQuote(directory)) }),
      examples: found.examples.map(shellQuote),
    })
  }
  return findings
}

function nestedMounts({ directory, settings: { crossDevices }, name }: Shown): Finding[] {
  const where = mountsInside(directory).map(({ mountpoint }) => mountpoint)
  if (where.length === 0) return []
  const says = `${crossDevices ? 'shown as part of the disk' : 'not shown'}: ${where.join(', ')}`
  return [
    {
      level: 'note',
      about: 'mounts inside',
      says,
      ...(crossDevices ? {} : { remedy: `twofold disk set ${name} --cross-devices yes` }),
    },
  ]
}
