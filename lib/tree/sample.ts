/** The disk for somebody who has none at hand: a few files of several kinds, small enough to read. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { crc32, deflateSync } from 'node:zlib'

/** Writes the files beneath `root`, which must be an empty directory. */
export function writeSample(root: string): void {
  for (const [path, content] of Object.entries(sampleFiles())) {
    const file = join(root, path)
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, content)
  }
  mkdirSync(join(root, 'an empty directory'), { recursive: true })
}

const sampleFiles = (): Record<string, string | Buffer> => ({
  'read me first.txt': `This disk has two doors.

Through the mount it is a directory like any other: read, write, rename, remove.
Through S3 it is a bucket: the same files, at the same moment, for every S3 client.

Change this file through the mount and get it over S3: the next request sees it.
`,
  'data/cities.csv': `city,country,latitude,longitude
Accra,GH,5.556,-0.197
Bergen,NO,60.393,5.324
Kyoto,JP,35.012,135.768
León,MX,21.125,-101.686
Nuuk,GL,64.184,-51.722
Zürich,CH,47.377,8.541
`,
  'data/tides/2026-11-21.json': `${JSON.stringify(
    {
      station: 'Bergen',
      unit: 'm',
      levels: [0.92, 1.31, 1.18, 0.61, 0.34, 0.72],
    },
    null,
    2,
  )}\n`,
  'data/events.jsonl': [0, 1, 2, 3]
    .map((i) => `${JSON.stringify({ id: i, door: i % 2 === 0 ? 'mount' : 's3' })}\n`)
    .join(''),
  'notes/café ☕.md':
    '# Names in any script\n\nA key is the path, whatever its letters: 日本語, עברית, emoji.\n',
  'notes/日本語.txt': '二つの扉、一つの木。\n',
  'pages/hello.html':
    '<!doctype html>\n<meta charset="utf-8">\n<title>Hello</title>\n<h1>Hello from the disk</h1>\n',
  'pictures/doors.svg': `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 120 80" width="480" height="320">
  <rect width="120" height="80" fill="#f4ecd8"/>
  <rect x="18" y="20" width="30" height="60" fill="#33658a"/><circle cx="43" cy="52" r="2" fill="#f6ae2d"/>
  <rect x="72" y="20" width="30" height="60" fill="#86bbd8"/><circle cx="77" cy="52" r="2" fill="#f26419"/>
</svg>
`,
  'pictures/dusk.png': dusk(160, 90),
})

/** A PNG of a sky (https://www.w3.org/TR/png-3/). */
function dusk(width: number, height: number): Buffer {
  const rows = Buffer.alloc((width * 3 + 1) * height)
  for (let y = 0, at = 0; y < height; y++) {
    at++ // each row begins with its filter: none
    for (let x = 0; x < width; x++) {
      const sun = Math.hypot(x - width / 2, y - height) < height / 3 ? 60 : 0
      rows[at++] = Math.min(255, 40 + (215 * y) / height + sun)
      rows[at++] = Math.min(255, 30 + (90 * y) / height + sun)
      rows[at++] = 90 - (40 * y) / height
    }
  }
  const header = Buffer.alloc(13)
  header.writeUInt32BE(width, 0)
  header.writeUInt32BE(height, 4)
  header.set([8, 2, 0, 0, 0], 8) // 8 bits a channel, RGB, not interlaced
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a])
  return Buffer.concat([
    signature,
    chunk('IHDR', header),
    chunk('IDAT', deflateSync(rows)),
    chunk('IEND', Buffer.alloc(0)),
  ])
}

function chunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type), data])
  const framed = Buffer.alloc(body.length + 8)
  framed.writeUInt32BE(data.length, 0)
  framed.set(body, 4)
  framed.writeUInt32BE(crc32(body), body.length + 4)
  return framed
}
