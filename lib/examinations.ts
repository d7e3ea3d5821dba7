/**
 * Questions that may have to wait for a file system, for as long as whoever answers for it likes: each is asked in a
 * process of its own (examiner.ts). Questions and answers are JSON.
 */
import type { Disk } from './disk.ts'
import { canonicalDirectory, requireReadable } from './roots.ts'
import { existingFile } from './tree/existing-file.ts'
import { identify, whyOffline } from './tree/root.ts'

export const examinations = {
  /** One sentence when the disk's root can't be had as it was adopted, or null. */
  whyOffline: (disk: Disk) => whyOffline(disk) ?? null,
  /** As canonicalDirectory of roots.ts. */
  canonicalDirectory: (path: string) => canonicalDirectory(path),
  /** Who the directory is, if it can be read. Throws AccessDenied, SystemError. */
  identity: (path: string) => {
    requireReadable(path)
    return identify(path)
  },
  /** As existingFile of tree/existing-file.ts. */
  existingFile: ({ disk, path }: { readonly disk: Disk; readonly path: string }) => existingFile(disk, path),
} as const

export type ExaminationName = keyof typeof examinations
export type Asked<N extends ExaminationName> = Parameters<(typeof examinations)[N]>[0]
export type Found<N extends ExaminationName> = ReturnType<(typeof examinations)[N]>
