/**
 * The one door to system calls that Node lacks: koffi over glibc.
 *
 * Every function here and beside it answers as the kernel does: a value ≥ 0, or minus the errno. Nothing
 * throws for what a file system says, because a throw costs more than the call (a failed lookup is
 * ordinary in a FUSE server). Callers that want an exception pass the answer through `must`.
 *
 * `koffi.errno()` is only right straight after a synchronous call, so it is read here and nowhere else.
 */
import koffi, { type LibraryHandle } from 'koffi'
import { SystemError } from './errno.ts'

export const libc: LibraryHandle = koffi.load('libc.so.6')

/**
 * A path for a system call. A string goes out as UTF-8 and must hold no NUL (`lib/tree/path.ts` sees to
 * that). Bytes must end in a NUL: mint them with `cstring`.
 */
export type CPath = string | CString

/** Bytes that end in a NUL, as C wants a name that need not be UTF-8. */
export type CString = Uint8Array & { readonly nulTerminated: unique symbol }

/** Copies `name` behind a NUL. Throws a RangeError when it holds one itself. */
export function cstring(name: Uint8Array): CString {
  if (name.includes(0)) throw new RangeError('a name for a system call holds a NUL')
  const bytes = Buffer.alloc(name.length + 1)
  bytes.set(name)
  return bytes as Uint8Array as CString
}

type Arguments = (number | bigint | string | Uint8Array | null)[]

/** Declares a C function whose -1 becomes minus the errno. `prototype` is in koffi's C syntax. */
export function declare<A extends Arguments>(prototype: string): (...args: A) => number {
  const call = libc.func(prototype) as unknown as (...args: A) => number
  return (...args) => {
    const result = call(...args)
    return result === -1 ? -koffi.errno() : result
  }
}

/** Loads a shared library for the rest of the process's life. Throws where it can't be found. */
export function preload(path: string): void {
  preloaded.push(koffi.load(path, { global: true }))
}
const preloaded: LibraryHandle[] = []

/** Turns minus an errno into a SystemError; anything else passes. */
export function must(result: number, syscall: string, path?: CPath): number {
  if (result < 0) throw new SystemError(-result, syscall, path)
  return result
}

/** Where a buffer lies, for a struct that points at others. The buffer must outlive the call that is given it. */
export const addressOf = (buffer: Uint8Array): bigint => koffi.address(buffer)

/** Memory that the kernel mapped for us, as it is now and as long as it is mapped. */
export const viewOf = (address: number, length: number): ArrayBuffer => koffi.view(BigInt(address), length)

/** Where a function of the C library lies, for those who hand it to the kernel. */
export const addressOfFunction = (name: string): bigint => koffi.address(libc.symbol(name))
