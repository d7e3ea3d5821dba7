import { existsSync } from 'node:fs'
import { loadConfig } from '../../../lib/config.ts'
import { defaultSettings, followsNowhere } from '../../../lib/disk.ts'
import { Fault } from '../../../lib/errors.ts'
import { canonicalDirectory } from '../../../lib/roots.ts'
import type { DiskView, StatusView } from '../../control/schema.ts'
import type { Finding } from '../checks/check.ts'
import { directoryFindings } from '../checks/directory.ts'
import { fuseFindings } from '../checks/fuse.ts'
import { machineFindings } from '../checks/machine.ts'
import { clientConfigs, environment, type Access } from '../client-configs.ts'
import type { Call, Command } from '../command.ts'
import { definitions } from '../output.ts'

interface Section {
  readonly title: string
  readonly findings: readonly Finding[]
}

export const doctor: Command = {
  name: 'doctor',
  summary: 'Check this machine and the disks, and print configurations for S3 clients',
  details: `Looks at what the machine and each disk's file system offer, names what one of the doors can't show, and ends
with lines ready to paste for the S3 clients that people use. Works without a daemon too, then on the machine and
on the directories that are named. Writes nothing visible.`,
  arguments: [
    {
      name: 'DISK',
      doc: 'a disk or a directory; all disks when absent',
      optional: true,
      many: true,
      completes: 'disk',
    },
  ],
  flags: { configs: { doc: 'print the configurations alone' } },
  examples: ['twofold doctor', 'twofold doctor photos --configs', 'twofold doctor /srv/data'],
  exits: { 1: 'something is wrong that closes a door' },
  run: async (call) => {
    const status = await call.client.statusIfAny()
    const sections = call.on('configs') ? [] : examine(call, status)
    const disk = status?.disks.find(({ id, name }) =>
      call.arguments('DISK').some((one) => one === id || one === name),
    )
    const access = await accessFor(call, status, disk ?? status?.disks.at(-1))
    const bad = sections.some(({ findings }) => findings.some(({ level }) => level === 'bad'))
    call.output.result(
      {
        healthy: !bad,
        checks: sections.flatMap(({ title, findings }) =>
          findings.map((finding) => ({ of: title, ...finding })),
        ),
        clients: clientConfigs.map(({ client, kind, lines }) => ({
          client,
          kind,
          lines: lines(access),
        })),
        environment: environment(access),
      },
      () => [...sections.map(sectionText), configText(access)].join('\n\n'),
    )
    return bad ? 1 : 0
  },
}

function examine(call: Call, status: StatusView | undefined): Section[] {
  const config = loadConfig({ state: call.text('state') }, call.text('config'))
  const daemon: Finding =
    status === undefined
      ? {
          level: 'note',
          about: 'daemon',
          says: `none answers on ${config.controlSocket}`,
          remedy: 'twofold up DIRECTORY, or twofold serve',
        }
      : {
          level: 'good',
          about: 'daemon',
          says: `${status.version}, S3 on ${status.endpoint}`,
        }
  const sections = [
    {
      title: 'This machine',
      findings: [daemon, ...machineFindings(), ...fuseFindings()],
    },
  ]
  const named = call.arguments('DISK')
  const disks = status?.disks ?? []
  const chosen: { title: string; disk?: DiskView; directory: string }[] =
    named.length === 0
      ? disks.map((disk) => ({
          title: `${disk.name} (${disk.root})`,
          disk,
          directory: disk.root,
        }))
      : named.map((name) => {
          const disk = disks.find((one) => one.id === name || one.name === name)
          if (disk !== undefined)
            return {
              title: `${disk.name} (${disk.root})`,
              disk,
              directory: disk.root,
            }
          const directory = canonical(call.path(name), name)
          return { title: directory, directory }
        })
  for (const { title, disk, directory } of chosen) {
    const progress = (entries: number) => call.output.progress(`${title}: ${entries} names looked at...`)
    const findings = [
      ...(disk === undefined ? [] : diskFindings(disk)),
      ...(disk?.status === 'offline'
        ? []
        : directoryFindings(
            {
              directory,
              settings: disk?.settings ?? defaultSettings,
              mountpoint: disk?.mount?.mountpoint ?? null,
              name: disk?.name ?? 'DISK',
            },
            progress,
          )),
    ]
    call.output.progress('')
    sections.push({ title, findings })
  }
  return sections
}

function canonical(path: string, typed: string): string {
  if (!existsSync(path))
    throw new Fault(
      'NoSuchDisk',
      `"${typed}" is neither a disk nor a directory: "twofold disk list" shows the disks`,
    )
  return canonicalDirectory(path)
}

function diskFindings({ offlineReason, mount, name, settings }: DiskView): Finding[] {
  const findings: Finding[] = [
    offlineReason === null
      ? { level: 'good', about: 'root', says: 'the one that was adopted' }
      : {
          level: 'bad',
          about: 'root',
          says: `offline: ${offlineReason}`,
          remedy: `mount what is missing, or bind the disk anew: twofold disk set ${name} --root DIR`,
        },
  ]
  if (followsNowhere(settings))
    findings.push({
      level: 'limited',
      about: 'symlinks',
      says: 'follow, with no directory named: S3 follows no link out of the disk',
      remedy: `twofold disk set ${name} --follow-into DIR, or --symlinks inside`,
    })
  if (mount === null)
    findings.push({
      level: 'note',
      about: 'mount',
      says: 'not mounted',
      remedy: `twofold mount ${name}`,
    })
  else if (mount.state !== 'mounted')
    findings.push({
      level: 'bad',
      about: 'mount',
      says: `${mount.state}: ${mount.error ?? mount.mountpoint}`,
    })
  else {
    const how = `${mount.engine}${mount.passthrough === true ? ' with passthrough' : ''}${mount.readOnly ? ', read-only' : ''}`
    findings.push({
      level: 'good',
      about: 'mount',
      says: `${mount.mountpoint}, by ${how}`,
    })
    for (const note of mount.notes) findings.push({ level: 'note', about: 'mount', says: note })
  }
  return findings
}

const marks = { good: 'ok', note: '--', limited: '!!', bad: 'XX' } as const

const sectionText = ({ title, findings }: Section): string =>
  `${title}\n${definitions(
    findings.map(({ level, about, says, remedy, examples }) => [
      `  ${marks[level]}  ${about}`,
      remedy === undefined ? says : `${says}; remedy: ${remedy}`,
      examples,
    ]),
  )}`

/** What can be known of a way in: the first access key of the disk, never its secret. */
async function accessFor(
  call: Call,
  status: StatusView | undefined,
  disk: DiskView | undefined,
): Promise<Access> {
  const users = disk === undefined ? [] : await call.client.ask('listUsers', { id: disk.id })
  return {
    endpoint: status?.endpoint ?? 'http://127.0.0.1:9010',
    bucket: disk?.name ?? 'BUCKET',
    region: disk?.region ?? 'local',
    accessKeyId: users.at(-1)?.identifier ?? 'THE-ACCESS-KEY',
    secretAccessKey: null,
  }
}

const configText = (access: Access): string => {
  const parts = clientConfigs.map(
    ({ client, kind, lines }) =>
      `${client}${kind === 'shell' ? '' : ` (${kind})`}:\n\n${indented(lines(access))}`,
  )
  return ['Clients, after these lines in a shell:', indented(environment(access)), ...parts].join('\n\n')
}

const indented = (lines: readonly string[]): string =>
  lines
    .map((line) => (line === '' ? '' : `  ${line}`))
    .join('\n')
    .trimEnd()
