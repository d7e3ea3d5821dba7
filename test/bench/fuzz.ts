/** `npm run fuzz:mount [-- COUNT [SEED]]`: malformed requests into the kernel engine's decoder, 1,000,000 by default. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { errnoName } from '../../lib/sys/errno.ts'
import { fuzzRequests } from '../fixtures/fuzz-requests.ts'

const count = Number(process.argv[2] ?? 1_000_000)
const seed = Number(process.argv[3] ?? Date.now() % 2 ** 31)
const root = mkdtempSync(join(tmpdir(), 'twofold-fuzz-'))
writeFileSync(join(root, 'a'), 'a')
mkdirSync(join(root, 'directory'))
const began = performance.now()
const { served, silent, answers, faults } = fuzzRequests(root, count, seed)
rmSync(root, { recursive: true })
const seconds = ((performance.now() - began) / 1000).toFixed(1)
process.stdout.write(`seed ${seed}: ${served} answered, ${silent} not, in ${seconds} s\n`)
for (const [error, times] of [...answers].toSorted((a, b) => b[1] - a[1])) {
  process.stdout.write(`${String(times).padStart(9)} ${error === 0 ? 'ok' : errnoName(-error)}\n`)
}
for (const fault of faults.slice(0, 20)) process.stdout.write(`FAULT ${fault}\n`)
process.stdout.write(`${faults.length} faults\n`)
process.exit(faults.length === 0 ? 0 : 1)
