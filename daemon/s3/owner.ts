/** Every object of a disk belongs to the disk's account. */
import type { Disk } from '../../lib/disk.ts'
import { element } from './xml.ts'

export const owner = (disk: Disk): string =>
  `<Owner>${element('ID', disk.account)}${element('DisplayName', disk.account)}</Owner>`
