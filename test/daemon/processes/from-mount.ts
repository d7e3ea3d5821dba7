import t from 'tap'
import { parseFromMount } from '../../../daemon/processes/from-mount.ts'

const figures = {
  operations: { LOOKUP: { count: 3, nanoseconds: 4_000.5 } },
  nodes: 1,
  handles: 0,
  refusedHandles: 0,
  descriptors: 2,
  passthrough: true,
  bytesRead: null,
  bytesWritten: 10,
}

t.test('what a mount process says is heard as it is', async (t) => {
  const mount = { id: 40, device: '0:44' }
  for (const message of [
    { type: 'told', id: 7 },
    { type: 'mount', report: { state: 'mounting' } },
    { type: 'mount', report: { state: 'unmounted' } },
    {
      type: 'mount',
      report: { state: 'mounted', mount, engine: 'kernel', passthrough: false, notes: ['a'] },
    },
    { type: 'mount', report: { state: 'failed', error: 'no device' } },
    { type: 'mount', report: { state: 'busy', users: ['bash (4711): /mnt/a'], why: 'another' } },
    { type: 'measured', question: 3, figures },
  ])
    t.same(parseFromMount(message), message)
  t.match(parseFromMount({ type: 'mount', report: { state: 'busy', users: [] } }), { report: { users: [] } })
})

t.test('what is no message of a mount process is not heard', async (t) => {
  for (const message of [
    null,
    'told',
    [],
    {},
    { type: 'publish' },
    { type: '__proto__' },
    { type: 'told' },
    { type: 'told', id: -1 },
    { type: 'told', id: 1, more: true },
    { type: 'mount', report: { state: 'toString' } },
    {
      type: 'mount',
      report: { state: 'mounted', mount: { id: 1.5, device: '' }, engine: '', passthrough: 1 },
    },
    { type: 'mount', report: { state: 'failed', error: 'x'.repeat(20_000) } },
    { type: 'mount', report: { state: 'busy', users: [1] } },
    { type: 'measured', question: 3, figures: { ...figures, nodes: 'many' } },
    {
      type: 'measured',
      question: 3,
      figures: { ...figures, operations: { LOOKUP: { count: -1, nanoseconds: 0 } } },
    },
    { type: 'measured', question: 3, figures: { ...figures, operations: null } },
  ])
    t.throws(() => parseFromMount(message), JSON.stringify(message)?.slice(0, 60))
})
