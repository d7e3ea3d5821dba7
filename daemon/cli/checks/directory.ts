/** What a directory's file system offers to a disk, and what in it one of the doors won't show. */
import { errno, errnoName, errnoOf } from '../../../lib/sys/errno.ts'
import { mountsInside } from '../../../lib/sys/mountinfo.ts'
import { countNames, surveyDirectory, type NameCount, type Survey } from '../../../lib/tree/survey.ts'
import type { Finding } from './check.ts'

/** `progress` hears how many entries have been looked at. */
export function directoryFindings(
  directory: string,
  crossDevices: boolean,
  progress: (entries: number) => void,
): Finding[] {
  try {
    return [
      ...surveyFindings(surveyDirectory(directory)),
      nameFinding(countNames(directory, progress)),
      ...nestedMounts(directory, crossDevices),
    ]
  } catch (error) {
    return [
      {
        level: 'bad',
        about: 'root',
        says: `${directory} can't be read (${errnoName(errnoOf(error))})`,
      },
    ]
  }
}

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

function nameFinding({ seen, complete, foreign, example, unread }: NameCount): Finding {
  const among = complete ? `${seen}` : `the first ${seen}`
  const blind = unread === 0 ? '' : `; ${unread} directories can't be read`
  if (foreign === 0)
    return {
      level: 'good',
      about: 'names',
      says: `${among} looked at, all UTF-8${blind}`,
    }
  return {
    level: 'limited',
    about: 'names',
    says: `${foreign} of ${among} are not UTF-8: the mount shows them, S3 doesn't, as ${JSON.stringify(example)}${blind}`,
    remedy: 'convmv renames them: convmv -r -f latin1 -t utf8 DIRECTORY',
  }
}

function nestedMounts(directory: string, crossDevices: boolean): Finding[] {
  const where = mountsInside(directory).map(({ mountpoint }) => mountpoint)
  if (where.length === 0) return []
  const says = `${crossDevices ? 'shown as part of the disk' : 'not shown'}: ${where.join(', ')}`
  return [
    {
      level: 'note',
      about: 'mounts inside',
      says,
      ...(crossDevices ? {} : { remedy: 'twofold disk set DISK --cross-devices yes' }),
    },
  ]
}
