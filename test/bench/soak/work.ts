/**
 * One of the soak's processes: `work.js ROLE DIRECTORY LEDGER EPOCH SECONDS`. Works round after round until the time
 * is over, and prints what it did as one line of JSON. EPOCH is a file that says how often the mount was killed
 * and whether it stands: a round that failed while that changed is tried again, any other ends the soak.
 */
import { readFileSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import { roles } from './roles.ts'

const [name = '', directory = '', ledger = '', epoch = '', seconds = '60'] = process.argv.slice(2)
const role = roles.find((one) => one.name === name)
if (role === undefined) throw new Error(`no role ${name}`)
const place = { directory, ledger }
const deadline = Date.now() + Number(seconds) * 1000

async function standing(): Promise<string> {
  for (;;) {
    const now = readFileSync(epoch, 'utf8')
    if (now.endsWith('up')) return now
    await pause(50)
  }
}

let rounds = 0
let interrupted = 0
let failed = false
let last = await standing()
for (let i = 0; Date.now() < deadline; i++) {
  const before = await standing()
  try {
    // What is open may be of a mount that has gone while nobody asked it.
    if (failed || before !== last) role.mend?.(place)
    failed = false
    last = before
    await role.round(place, i)
    rounds++
  } catch (error) {
    failed = true
    // What the mount's death did to us may be known to us before to the one who killed it.
    for (let waited = 0; waited < 100 && readFileSync(epoch, 'utf8') === before; waited++) await pause(20)
    if (readFileSync(epoch, 'utf8') === before) throw error
    interrupted++
  }
}
process.stdout.write(`${JSON.stringify({ rounds, interrupted })}\n`)
process.exit(0)
