import { readdirSync } from 'node:fs'
import t from 'tap'
import { errno } from '../../../lib/sys/errno.ts'
import { INIT, INIT2 } from '../../../mount/kernel/protocol/flags.ts'
import { LEAST_MINOR, negotiate } from '../../../mount/kernel/protocol/negotiate.ts'
import { fuzzRequests } from '../../fixtures/fuzz-requests.ts'

const descriptors = () => readdirSync('/proc/self/fd').length

t.test('malformed requests are answered with an errno or not at all', async (t) => {
  const root = t.testdir({ a: 'a', directory: { b: 'b' } })
  fuzzRequests(root, 100, 1)
  const before = descriptors()
  const { served, answers, faults } = fuzzRequests(root, 20_000, 2026)
  t.same(faults, [])
  t.ok(served > 10_000, 'most have a header that can be answered')
  t.ok((answers.get(0) ?? 0) > 0, 'some happen to be right')
  t.ok((answers.get(-errno.EINVAL) ?? 0) > 0)
  t.ok((answers.get(-errno.ENOSYS) ?? 0) > 0)
  t.equal(descriptors(), before, 'no descriptor is left')
})

t.test('whatever a kernel offers, we take what it has and what we know, or refuse', async (t) => {
  let state = 7
  const next = () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0)
  for (let i = 0; i < 50_000; i++) {
    const offer = {
      major: next() % 4 === 0 ? next() % 12 : 7,
      minor: next() % 8 === 0 ? next() : next() % 80,
      maxReadahead: next(),
      flags: next(),
      flags2: next(),
    }
    const settled = negotiate(offer, { locks: true, passthrough: true, stackDepth: 1, maxWrite: 1 << 20 })
    if (offer.major > 7) {
      if (settled.kind !== 'again' || settled.out.major !== 7) t.fail('a newer major version is asked again')
    } else if (offer.major < 7 || offer.minor < LEAST_MINOR) {
      if (settled.kind !== 'refused') t.fail(`${offer.major}.${offer.minor} is refused`)
    } else if (settled.kind !== 'settled') t.fail('the rest is settled')
    else {
      const { flags, flags2, max_stack_depth } = settled.out
      if ((flags & ~offer.flags) !== 0) t.fail('a flag that was not offered')
      if ((flags2 & ~offer.flags2) !== 0 || ((flags & INIT.INIT_EXT) === 0 && flags2 !== 0)) t.fail('flags2')
      if (max_stack_depth > 0 !== ((flags2 & INIT2.PASSTHROUGH) !== 0)) t.fail('stack depth')
    }
  }
  t.pass('50,000 offers')
})
