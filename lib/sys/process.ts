/** Ending this process. */
import { libc } from './libc.ts'

const call = libc.func('void _exit(int status)') as unknown as (status: number) => never

/**
 * Ends the process at once: nothing is flushed, no thread is waited for. For the end of `exit` handlers only,
 * where a thread that waits in the kernel would keep Node waiting for it.
 */
export const exitNow = (status: number): never => call(status)
