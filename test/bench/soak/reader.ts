/** A signed reader at the S3 door, which must never notice what happens to the mount. */
import { setTimeout as pause } from 'node:timers/promises'
import { listPage, s3, type Door } from '../../fixtures/s3.ts'

export interface Reader {
  readonly asked: number
  readonly wrong: readonly string[]
  stop(): Promise<void>
}

/** Asks GET, HEAD and a listing, again and again; `key` holds `body`. */
export function readOn(door: Door, key: string, body: string): Reader {
  const wrong: string[] = []
  const reader = { asked: 0, wrong, stop: () => Promise.resolve() }
  let over = false
  const expect = (what: string, isRight: boolean) => {
    reader.asked++
    if (!isRight) wrong.push(`${new Date().toISOString()} ${what}`)
  }
  const asking = (async () => {
    while (!over) {
      try {
        const get = await s3(door, { key })
        expect(`GET ${get.status}`, get.status === 200 && get.body.toString() === body)
        const head = await s3(door, { method: 'HEAD', key })
        expect(`HEAD ${head.status}`, Number(head.headers['content-length']) === body.length)
        const page = await listPage(door, { delimiter: '/' })
        expect(
          'listing',
          page.objects.some((object) => object.key === key),
        )
      } catch (error) {
        expect(String(error), false)
      }
      await pause(40)
    }
  })()
  reader.stop = () => {
    over = true
    return asking
  }
  return reader
}
