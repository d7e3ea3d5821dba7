// What the JavaScript clients share: where the door is, what must be seen through it, and how a check is said.
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { isDeepStrictEqual } from 'node:util'

const setup = JSON.parse(readFileSync(process.env.TWOFOLD_CLIENT_SETUP, 'utf8'))

export const { door, objects, markers, hasDataSets } = setup

export const expectedKeys = () =>
  [...Object.keys(objects), ...markers].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))

export async function check(name, attempt) {
  try {
    await attempt()
  } catch (error) {
    console.log('# ' + String(error?.stack ?? error).replaceAll('\n', '\n# '))
    console.log(`not ok - ${name}`)
    return
  }
  console.log(`ok - ${name}`)
}

/** It must fail with an S3 error's status, within 20 seconds. */
export const refused = (name, attempt) =>
  check(name, async () => {
    const started = performance.now()
    const error = await attempt().then(
      () => undefined,
      (thrown) => thrown,
    )
    if (error === undefined) throw new Error('it was not refused')
    if (performance.now() - started > 20_000) throw new Error('refused too late')
    const status = error.$metadata?.httpStatusCode
    if (status !== undefined && (status < 400 || status > 499)) throw error
  })

export function same(got, want, what) {
  if (!isDeepStrictEqual(got, want))
    throw new Error(`${what}: got ${JSON.stringify(got)}, want ${JSON.stringify(want)}`)
}

export function sameKeys(got, want) {
  if (isDeepStrictEqual(got, want)) return
  const more = got.filter((key) => !want.includes(key)).slice(0, 20)
  const less = want.filter((key) => !got.includes(key)).slice(0, 20)
  throw new Error(
    `${got.length} keys, not ${want.length}; unexpected ${JSON.stringify(more)}; missing ${JSON.stringify(less)}; or another order`,
  )
}

export const sameBytes = (key, bytes) =>
  same(createHash('md5').update(bytes).digest('hex'), objects[key].md5, key)

/** `work` on every item, `width` at a time; the first failure rejects. */
export async function inParallel(width, items, work) {
  const waiting = items.values()
  await Promise.all(
    Array.from({ length: width }, async () => {
      for (const item of waiting) await work(item)
    }),
  )
}
