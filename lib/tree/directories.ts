/** The sorted names of the directories that this process lately listed, within a bound of bytes. */
export class Directories {
  readonly bytes: number

  constructor(bytes: number) {
    this.bytes = bytes
  }

  close(): void {}
}
