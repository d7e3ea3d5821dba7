/** A client that is a library: a script in its own language says `ok - NAME` or `not ok - NAME` for each check. */
import { command, type CommandOptions } from './command.ts'
import type { Report } from './report.ts'
import type { Setup } from './setup.ts'

/** Runs it to its end; an exit status other than 0, or no check at all, is a failure too. */
export async function runScript(
  { env, file }: Setup,
  report: Report,
  program: string,
  args: readonly string[],
  options: Partial<CommandOptions> = {},
): Promise<void> {
  const before = report.passed + report.failed
  let reason: string[] = []
  const finished = await command(program, args, {
    seconds: 240,
    ...options,
    env: { ...env, ...options.env, TWOFOLD_CLIENT_SETUP: file },
    onLine(line) {
      const [, verdict, name = ''] = /^(ok|not ok) - (.*)/.exec(line) ?? []
      if (verdict === 'ok') report.ok(name)
      else if (verdict === 'not ok') report.notOk(name, reason.join('\n'))
      if (verdict === undefined) reason.push(line.replace(/^# /, ''))
      else reason = []
    },
  })
  if (finished.status !== 0) report.notOk('runs to its end', `status ${finished.status}\n${finished.stderr}`)
  else if (report.passed + report.failed === before) report.notOk('checks anything', finished.stderr)
}
