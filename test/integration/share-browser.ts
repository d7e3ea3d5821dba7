/**
 * Share links in a real browser, Debian's Chromium: what it shows, and that a page in a disk can do nothing.
 * chromium has the viewer for PDFs that chromium-headless-shell lacks; the rest works with either.
 */
import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { deflateSync } from 'node:zlib'
import { chromium, type Browser, type Page } from 'playwright-core'
import t, { type Test } from 'tap'
import { startDaemon, twofold } from '../fixtures/daemon.ts'
import { longVideo } from '../fixtures/long-video.ts'

const found = ['/usr/bin/chromium', '/usr/bin/chromium-headless-shell'].find((path) => existsSync(path))
const full = found === '/usr/bin/chromium'
/** Bytes of nothing between the pieces of the film. */
const gap = 24 << 20

/** A red square. */
function png(): Buffer {
  const crc = (bytes: Buffer) => {
    let value = ~0
    for (const byte of bytes) {
      value ^= byte
      for (let bit = 0; bit < 8; bit++) value = (value >>> 1) ^ (value & 1 ? 0xedb88320 : 0)
    }
    return ~value >>> 0
  }
  const chunk = (type: string, data: Buffer) => {
    const body = Buffer.concat([Buffer.from(type), data])
    const out = Buffer.alloc(body.length + 8)
    out.writeUInt32BE(data.length, 0)
    body.copy(out, 4)
    out.writeUInt32BE(crc(body), body.length + 4)
    return out
  }
  const header = Buffer.alloc(13)
  header.writeUInt32BE(16, 0)
  header.writeUInt32BE(16, 4)
  header.set([8, 2], 8)
  const row = Buffer.concat([Buffer.from([0]), Buffer.from(Array(16).fill([255, 0, 0]).flat())])
  return Buffer.concat([
    Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'),
    chunk('IHDR', header),
    chunk('IDAT', deflateSync(Buffer.concat(Array<Buffer>(16).fill(row)))),
    chunk('IEND', Buffer.alloc(0)),
  ])
}

const pdf = `%PDF-1.4
1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj
2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj
3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 200]/Contents 4 0 R>>endobj
4 0 obj<</Length 33>>stream
1 0 0 rg 0 0 200 200 re f
endstream endobj
trailer<</Root 1 0 R>>
`

/** Everything that a page could try; `home` would hear of it. */
const page = (home: string, neighbour: string) => `<!doctype html><title>shown</title>
<h1 style="color: green">a page</h1>
<script>document.title = 'ran'; fetch('${home}/script')</script>
<img src="none" onerror="document.title = 'ran'; fetch('${home}/onerror')">
<img src="${home}/image"><link rel="stylesheet" href="${home}/style"><iframe src="${home}/frame"></iframe>
<video src="${home}/video"></video><object data="${home}/object"></object><embed src="${home}/embed">
<link rel="prefetch" href="${home}/prefetch"><link rel="preload" as="image" href="${home}/preload">
<style>@import '${home}/import'; body { background: url(${home}/background) }</style>
<iframe src="${neighbour}" id="neighbour"></iframe>
<meta http-equiv="refresh" content="0;url=${home}/refresh">
<a id="js" href="javascript:document.title = 'ran'">x</a>
<form action="${home}/form"><input type="submit" id="submit"></form>
<a id="ping" ping="${home}/ping" href="#x">ping</a>
<svg><script>document.title = 'ran'</script></svg>
`

async function inBrowser(executablePath: string): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'twofold-browser-'))
  const root = join(directory, 'shared')
  const state = join(directory, 'state')
  mkdirSync(root)
  const heard: string[] = []
  const home = createServer((request, response) => {
    heard.push(request.url ?? '')
    response.writeHead(204, { 'Access-Control-Allow-Origin': '*' }).end()
  })
  await new Promise<void>((resolve) => home.listen(0, '127.0.0.1', resolve))
  const homeUrl = `http://127.0.0.1:${(home.address() as AddressInfo).port}`
  writeFileSync(join(root, 'red.png'), png())
  writeFileSync(join(root, 'a.pdf'), pdf)
  writeFileSync(join(root, 'grüße.txt'), 'grüße, 世界\n')
  writeFileSync(join(root, 'data.bin'), Buffer.alloc(1000, 1))
  writeFileSync(
    join(root, 'picture.svg'),
    `<svg xmlns="http://www.w3.org/2000/svg" width="20" height="20"><script>document.documentElement.setAttribute('ran', '')</script><rect width="20" height="20" fill="red"/></svg>`,
  )
  const clip = readFileSync(new URL('../../../test/fixtures/share/clip.webm', import.meta.url))
  writeFileSync(join(root, 'film.webm'), longVideo(clip, gap))
  const daemon = await startDaemon(root, { state, args: ['--no-mount', '--listen', '127.0.0.1:0'] })
  const share = async (path: string): Promise<string> => {
    const args = [twofold, 'share', daemon.bucket, path, '--state', state]
    return (await promisify(execFile)(process.execPath, args)).stdout.trim()
  }
  writeFileSync(join(root, 'page.html'), page(homeUrl, await share('grüße.txt')))
  let browser: Browser | undefined
  t.teardown(async () => {
    await browser?.close()
    home.close()
    home.closeAllConnections()
    await daemon.stop()
    rmSync(directory, { recursive: true, force: true })
  })
  browser = await chromium.launch({
    executablePath,
    // Chromium's own sandbox refuses root, whom it would protect from nothing here.
    args: ['--no-sandbox', ...(full ? ['--headless=new'] : [])],
  })
  const open = async (url: string) => {
    const tab = await (browser ?? (await chromium.launch())).newPage()
    const console: string[] = []
    const statuses: number[] = []
    /** Content-Range of each 206. */
    const ranges: string[] = []
    tab.on('console', (message) => console.push(message.text()))
    tab.on('response', (response) => {
      statuses.push(response.status())
      if (response.status() === 206) ranges.push(response.headers()['content-range'] ?? '')
    })
    await tab.goto(url, { waitUntil: 'load' })
    return { tab, console, statuses, ranges }
  }
  const opens = (name: string, run: (t: Test) => Promise<void>, skip: string | false = false) =>
    t.test(name, { skip }, run)

  opens('an image is shown', async (t) => {
    const { tab } = await open(await share('red.png'))
    t.equal(await tab.evaluate('document.images[0].naturalWidth'), 16)
    t.equal(await tab.evaluate('document.contentType'), 'image/png')
    await tab.close()
  })

  opens('text in any script is shown as it is', async (t) => {
    const { tab } = await open(await share('grüße.txt'))
    t.equal(await tab.evaluate('document.body.innerText.trim()'), 'grüße, 世界')
    await tab.close()
  })

  opens(
    'a PDF is shown by its viewer',
    async (t) => {
      const { tab, console } = await open(await share('a.pdf'))
      t.equal(await tab.evaluate('document.contentType'), 'application/pdf')
      await tab.waitForTimeout(1500)
      // The page is a red square; the viewer draws it somewhere in its window.
      const shot = (await tab.screenshot()).toString('base64')
      const red = await redShare(await (browser as Browser).newPage(), shot)
      t.ok(red > 0.02, `the page's red fills ${Math.round(red * 100)} % of the window`)
      t.same(
        console.filter((line) => /blocked|refused/i.test(line)),
        [],
      )
      await tab.close()
    },
    full ? false : 'chromium-headless-shell has no PDF viewer: apt-get install chromium',
  )

  opens('a video plays, and is sought in by ranges', async (t) => {
    const { tab, ranges } = await open(await share('film.webm'))
    const video = async (property: string) => tab.evaluate(`document.querySelector('video').${property}`)
    // Nothing runs in the page, a timer neither: so what it says is asked for again and again.
    const until = async (right: () => Promise<boolean>) => {
      for (let i = 0; i < 100 && !(await right()); i++) await tab.waitForTimeout(100)
    }
    await until(async () => Number(await video('readyState')) >= 2)
    t.equal(await video('duration'), 20)
    t.equal(await video('videoWidth'), 64)
    await video('currentTime = 16')
    await until(async () => (await video('seeking')) === false && Number(await video('readyState')) >= 2)
    t.ok(Number(await video('currentTime')) >= 16)
    t.equal(await video('error'), null)
    // The fifth cluster, where second 16 is, lies behind four gaps: how many of them it leaps over is its affair.
    const far = () => ranges.some((range) => Number(/^bytes (\d+)-/.exec(range)?.[1]) >= gap)
    await until(async () => far())
    t.ok(far(), `it asked for a range in the middle: ${ranges.join(', ')}`)
    await tab.close()
  })

  opens('HTML is shown, and can do nothing', async (t) => {
    heard.length = 0
    const { tab, console } = await open(await share('page.html'))
    await tab.waitForTimeout(1000)
    t.equal(await tab.evaluate('document.title'), 'shown')
    t.equal(await tab.evaluate('document.querySelector("h1").innerText'), 'a page')
    t.equal(await tab.evaluate('self.origin'), 'null', 'it has no origin')
    t.match(await tab.evaluate('document.cookie').catch(String), /SecurityError|sandboxed/, 'nor cookies')
    await tab.click('#js', { timeout: 2000, noWaitAfter: true }).catch(() => undefined)
    await tab.click('#submit', { timeout: 2000, noWaitAfter: true }).catch(() => undefined)
    await tab.click('#ping', { timeout: 2000, noWaitAfter: true }).catch(() => undefined)
    await tab.waitForTimeout(500)
    t.equal(await tab.evaluate('document.title'), 'shown', 'no script ran')
    t.same(heard, [], 'it reached nobody')
    const texts = await Promise.all(
      tab
        .frames()
        .slice(1)
        .map((frame) => frame.evaluate('document.body?.innerText ?? ""').catch(() => '')),
    )
    t.notOk(
      texts.some((text) => String(text).includes('grüße')),
      'nor another link of the same disk',
    )
    t.ok(console.some((line) => /sandboxed/.test(line)))
    await tab.close()
  })

  opens('an SVG is shown, and its script does not run', async (t) => {
    const { tab } = await open(await share('picture.svg'))
    t.equal(await tab.evaluate('document.documentElement.hasAttribute("ran")'), false)
    t.equal(await tab.evaluate('document.querySelector("rect").getBoundingClientRect().width'), 20)
    await tab.close()
  })

  opens('anything else is downloaded under its own name', async (t) => {
    const tab = await (browser as Browser).newPage()
    const download = tab.waitForEvent('download', { timeout: 10_000 })
    await tab.goto(await share('data.bin')).catch(() => undefined)
    t.equal((await download).suggestedFilename(), 'data.bin')
    await tab.close()
  })

  opens('an altered link says so to a person', async (t) => {
    const { tab, statuses } = await open((await share('red.png')).replace('red', 'blue'))
    t.same(statuses.slice(0, 1), [403])
    t.match(await tab.evaluate('document.body.innerText'), /This link is not valid/)
    await tab.close()
  })
}

/** How much of a screenshot is pure red. */
async function redShare(tab: Page, shot: string): Promise<number> {
  await tab.setContent('<canvas></canvas>')
  const share: unknown = await tab.evaluate(`(async () => {
    const image = new Image()
    image.src = 'data:image/png;base64,${shot}'
    await image.decode()
    const canvas = document.querySelector('canvas')
    canvas.width = image.width
    canvas.height = image.height
    const context = canvas.getContext('2d')
    context.drawImage(image, 0, 0)
    const { data } = context.getImageData(0, 0, image.width, image.height)
    let red = 0
    for (let i = 0; i < data.length; i += 4) if (data[i] > 240 && data[i + 1] < 20 && data[i + 2] < 20) red++
    return red / (data.length / 4)
  })()`)
  await tab.close()
  return Number(share)
}

if (found === undefined && process.env['TWOFOLD_REQUIRE_ALL'] === undefined) {
  t.plan(0, 'no chromium: apt-get install chromium')
} else {
  await inBrowser(found ?? '/usr/bin/chromium')
}
