/**
 * What a disk is: the records that control keeps in `level` and that doors are given over IPC. All of it is
 * JSON: no bigint, no Date, no undefined.
 */
import { randomBytes } from 'node:crypto'
import { Fault } from './errors.ts'

/** `dsk-` and 16 hex digits. Minted by `newDiskId` when a disk is made, parsed by `parseDiskId`; never reused. */
export type DiskId = string & { readonly brand: 'DiskId' }

/** A valid bucket name that can't be taken for an id. Parsed by `parseAlias`; free again when its disk is gone. */
export type Alias = string & { readonly brand: 'Alias' }

/**
 * How S3 treats symbolic links. `inside`: followed while they stay in the disk. `deny`: none is followed.
 * `follow`: followed into the directories of `followInto` too, the one exception to "nothing leaves the root".
 */
export type SymlinkPolicy = 'inside' | 'deny' | 'follow'

export interface DiskSettings {
  readonly symlinks: SymlinkPolicy
  /** Where links may lead beside the disk itself, with `follow` alone: canonical and absolute directories. */
  readonly followInto: readonly string[]
  /** Symbolic links to directories that one key may pass, 0 to 40. */
  readonly symlinkDepth: number
  /** What GetBucketLocation says. */
  readonly region: string
  /** Refuse a signature whose scope names another region than `region`. */
  readonly strictRegion: boolean
  readonly emptyDirectories: 'list' | 'hide'
  readonly s3: 'ro' | 'rw'
  /** Let resolution cross into file systems mounted inside the root. */
  readonly crossDevices: boolean
}

export const defaultSettings: DiskSettings = {
  symlinks: 'inside',
  followInto: [],
  symlinkDepth: 4,
  region: 'local',
  strictRegion: false,
  emptyDirectories: 'list',
  s3: 'ro',
  crossDevices: false,
}

/** Such disks were made when `follow` alone led anywhere. */
export const followsNowhere = ({ symlinks, followInto }: DiskSettings): boolean =>
  symlinks === 'follow' && followInto.length === 0

/** Who a root is, so that an empty mount point is never taken for the disk that should be mounted there. */
export interface RootIdentity {
  /** statfs' f_fsid and the file system's type, hex. */
  readonly fileSystem: string
  /** Decimal. */
  readonly ino: string
  /** name_to_handle_at(2)'s handle, hex; absent where the file system has none. */
  readonly handle?: string
}

export interface Disk {
  readonly id: DiskId
  readonly alias: Alias | null
  readonly account: string
  readonly kind: 'managed' | 'adopted'
  /** Canonical and absolute. */
  readonly root: string
  readonly identity: RootIdentity
  readonly settings: DiskSettings
  readonly tags: Readonly<Record<string, string>>
  /** Where the daemon keeps it mounted, canonical and absolute; null when it is not to be mounted. */
  readonly mountpoint: string | null
  /** The topmost of the directories that we made for the mount point, to be removed with it; null for none. */
  readonly mountMade: string | null
  readonly mountReadOnly: boolean
  /** Its owner has let go of its root until further notice: nothing of it is held, asked, shown or mounted. */
  readonly letGo: boolean
  /** RFC 3339, UTC. */
  readonly createdAt: string
}

/** One access key for one disk. Its secret is derived from the local key `keyId`, and stored nowhere. */
export interface S3User {
  readonly accessKeyId: string
  readonly diskId: DiskId
  /** Unique on its disk. */
  readonly name: string
  readonly access: 'ro' | 'rw'
  /** The keyring's key that the secret derives from. */
  readonly keyId: string
  /** RFC 3339, UTC. */
  readonly createdAt: string
}

export const newDiskId = (): DiskId => `dsk-${randomBytes(8).toString('hex')}` as DiskId

export function parseDiskId(text: string): DiskId | undefined {
  return /^dsk-[0-9a-f]{16}$/.test(text) ? (text as DiskId) : undefined
}

/**
 * Bucket naming rules: https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
 * Throws InvalidAlias.
 */
export function parseAlias(text: string): Alias {
  const refused =
    !/^[a-z0-9](?:[a-z0-9.-]{1,61})[a-z0-9]$/.test(text) ||
    /\.\.|\.-|-\./.test(text) ||
    /^\d+\.\d+\.\d+\.\d+$/.test(text) ||
    /^(?:dsk-|xn--|sthree-|amzn-s3-demo-)/.test(text) ||
    /(?:-s3alias|--ol-s3|\.mrap|--x-s3|--table-s3)$/.test(text)
  if (refused)
    throw new Fault(
      'InvalidAlias',
      `"${text}" is no valid alias: 3 to 63 of a-z, 0-9, "." and "-", as a bucket name`,
    )
  return text as Alias
}

/** The name a disk's bucket goes by: its alias, or else its id. Both open it. */
export const bucketName = (disk: Disk): string => disk.alias ?? disk.id
