/** Runs a client's program as a person would, to its end. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'

export interface Finished {
  /** 128 and the signal's number is the shell's manner; here a signal is status -1. */
  readonly status: number
  readonly stdout: string
  readonly stderr: string
  readonly seconds: number
}

export interface CommandOptions {
  readonly env: NodeJS.ProcessEnv
  readonly cwd?: string
  /** After which it is killed and counts as hanging; 120 by default. */
  readonly seconds?: number
  /** Called with each line of stdout as it comes. */
  readonly onLine?: (line: string) => void
}

export async function command(
  program: string,
  args: readonly string[],
  options: CommandOptions,
): Promise<Finished> {
  const started = performance.now()
  const child = spawn(program, args, {
    env: options.env,
    cwd: options.cwd,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const deadline = setTimeout(() => child.kill('SIGKILL'), (options.seconds ?? 120) * 1000)
  let stdout = ''
  let stderr = ''
  let line = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text
    if (options.onLine === undefined) return
    const lines = (line + text).split('\n')
    line = lines.pop() ?? ''
    lines.forEach(options.onLine)
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  await once(child, 'close')
  clearTimeout(deadline)
  return { status: child.exitCode ?? -1, stdout, stderr, seconds: (performance.now() - started) / 1000 }
}

/** The same, but a status other than 0 throws with what the program said. */
export async function succeed(
  program: string,
  args: readonly string[],
  options: CommandOptions,
): Promise<Finished> {
  const finished = await command(program, args, options)
  if (finished.status !== 0)
    throw new Error(
      `${program} ${args.join(' ')}: status ${finished.status}\n${finished.stdout}\n${finished.stderr}`,
    )
  return finished
}

const promptSeconds = 20

/** The program must end with another status than 0, within 20 seconds and not by a signal. */
export async function refuse(
  program: string,
  args: readonly string[],
  options: CommandOptions,
): Promise<void> {
  const finished = await command(program, args, { ...options, seconds: promptSeconds })
  if (finished.status === 0) throw new Error(`it was not refused:\n${finished.stdout}\n${finished.stderr}`)
  if (finished.status < 0)
    throw new Error(`no end within ${promptSeconds} s:\n${finished.stdout}\n${finished.stderr}`)
}
