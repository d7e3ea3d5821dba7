/** What Chromium makes of signed requests: nothing of a disk becomes a page, or a script, of the S3 door's origin. */
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { chromium, type Browser } from 'playwright-core'
import t from 'tap'
import { Client } from '../../daemon/cli/client.ts'
import { startDaemon } from '../fixtures/daemon.ts'
import { presign } from '../fixtures/s3.ts'

const found = ['/usr/bin/chromium', '/usr/bin/chromium-headless-shell'].find((path) => existsSync(path))

/** A red dot. */
const gif = Buffer.from('R0lGODlhAQABAIAAAP8AAP///ywAAAAAAQABAAACAkQBADs=', 'base64')

async function inBrowser(executablePath: string): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'twofold-origin-'))
  const root = join(directory, 'data')
  const state = join(directory, 'state')
  mkdirSync(root)
  /** Target and Referer of what reached a stranger's server, and the pages that it gives out. */
  const heard: (readonly [target: string, referer: string | undefined])[] = []
  const pages = new Map<string, string>()
  const stranger = createServer(({ url = '', headers }, response) => {
    heard.push([url, headers.referer])
    response.writeHead(200, {
      'Content-Type': 'text/html',
      'Access-Control-Allow-Origin': '*',
      'Cross-Origin-Embedder-Policy': 'require-corp',
    })
    response.end(pages.get(url) ?? '')
  })
  await new Promise<void>((resolve) => stranger.listen(0, '127.0.0.1', resolve))
  const strangerUrl = `http://127.0.0.1:${(stranger.address() as AddressInfo).port}`

  const script = `document.title = 'ran'; fetch('${strangerUrl}/ran')`
  writeFileSync(
    join(root, 'page.html'),
    `<!doctype html><title>shown</title><script>${script}</script><p>a page`,
  )
  writeFileSync(join(root, 'link.html'), `<!doctype html><a id="out" href="${strangerUrl}/out">out</a>`)
  writeFileSync(join(root, 'worker.js'), `onfetch = (event) => event.respondWith(new Response('mine'))`)
  writeFileSync(join(root, 'dot.gif'), gif)
  writeFileSync(
    join(root, 'page.svg'),
    `<svg xmlns="http://www.w3.org/2000/svg"><title>shown</title><script>${script}</script></svg>`,
  )
  writeFileSync(
    join(root, 'page.xml'),
    `<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml"><title>shown</title><script>${script}</script></html>`,
  )
  const style = `<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform"><xsl:template match="/"><html><script>${script}</script></html></xsl:template></xsl:stylesheet>`
  writeFileSync(join(root, 'style.xsl'), style)
  writeFileSync(
    join(root, 'parts'),
    `--x\r\nContent-Type: text/html\r\n\r\n<script>${script}</script>\r\n--x--\r\n`,
  )

  const daemon = await startDaemon(root, {
    state,
    args: ['--no-mount', '--listen', '127.0.0.1:0', '--metrics-listen', '127.0.0.1:0'],
  })
  const signed = (key: string, query: Record<string, string> = {}) => presign(daemon, key, { query })
  const as = (key: string, type: string) => signed(key, { 'response-content-type': type })
  writeFileSync(
    join(root, 'styled.xml'),
    `<?xml version="1.0"?><?xml-stylesheet type="text/xsl" href="${as('style.xsl', 'text/xsl').replaceAll('&', '&amp;')}"?><a/>`,
  )
  const { metricsListen } = await new Client(join(state, 'control.sock')).ask('status')
  let browser: Browser | undefined
  t.teardown(async () => {
    await browser?.close()
    stranger.close()
    stranger.closeAllConnections()
    await daemon.stop()
    rmSync(directory, { recursive: true, force: true })
  })
  browser = await chromium.launch({
    executablePath,
    // Chromium's own sandbox refuses root, whom it would protect from nothing here.
    args: [
      '--no-sandbox',
      ...(found === '/usr/bin/chromium' ? ['--headless=new'] : []),
      '--host-resolver-rules=MAP evil.test 127.0.0.1',
    ],
  })
  const context = await browser.newContext()
  const open = async (url: string) => {
    const tab = await context.newPage()
    heard.length = 0
    const response = await tab.goto(url, { waitUntil: 'load' }).catch(() => null)
    return { tab, status: response?.status() ?? 0 }
  }

  for (const [name, url] of [
    ['HTML', signed('page.html')],
    ['a script that is asked for as HTML', as('worker.js', 'text/html')],
    ['HTML that is asked for as such', as('page.html', 'text/html; charset=utf-8')],
    ['HTML behind a type that needs no sandbox', as('page.html', 'application/pdf;x=,text/html')],
    ['HTML behind a film', as('page.html', 'video/webm, text/html')],
    ['HTML as the part of a message', as('parts', 'multipart/x-mixed-replace; boundary=x')],
    ['XHTML', as('page.xml', 'application/xhtml+xml')],
    ['XML', as('page.xml', 'text/xml')],
    ['XML with a style sheet of the same disk', as('styled.xml', 'text/xml')],
    ['SVG', signed('page.svg')],
  ] as const) {
    t.test(`${name}, presigned, can do nothing`, async (t) => {
      const { tab } = await open(url)
      await tab.waitForTimeout(300)
      t.not(await tab.title(), 'ran')
      t.not(
        await tab.evaluate('self.origin').catch(() => 'no document'),
        daemon.endpoint,
        'it is not of the origin',
      )
      t.same(heard, [], 'it reached nobody')
      await tab.close()
    })
  }

  t.test('nor when the browser has it already, and asks whether it is still the same', async (t) => {
    const { tab } = await open(as('page.html', 'text/html'))
    const fresh = () => daemon.log().split('"status":304').length
    const before = fresh()
    await tab.reload({ waitUntil: 'load' })
    await tab.reload({ waitUntil: 'load' })
    t.ok(fresh() >= before + 2, 'it asked')
    t.not(await tab.title(), 'ran')
    t.not(await tab.evaluate('self.origin'), daemon.endpoint)
    t.same(heard, [])
    await tab.close()
  })

  t.test('no file becomes a service worker of the origin', async (t) => {
    const { tab, status } = await open(`${daemon.endpoint}/-/health`)
    t.equal(status, 200)
    // Whoever speaks to the browser's own tools, as here, runs in any page.
    const register = (url: string) =>
      tab.evaluate(
        `navigator.serviceWorker.register(${JSON.stringify(url)}).then(() => 'registered', String)`,
      )
    t.match(await register(as('worker.js', 'text/javascript')), /403|SecurityError|TypeError/)
    t.match(await register(signed('worker.js')), /403|SecurityError|TypeError/)
    t.equal(await tab.evaluate('navigator.serviceWorker.getRegistrations().then((all) => all.length)'), 0)
    await tab.close()
  })

  t.test('what a page tells where it came from holds no signature', async (t) => {
    const { tab } = await open(signed('link.html'))
    await tab.click('#out')
    await tab.waitForURL(`${strangerUrl}/out`)
    t.same(
      heard.filter(([url]) => url === '/out'),
      [['/out', undefined]],
    )
    await tab.close()
  })

  t.test(
    'a page elsewhere shows a picture by its signed address, and gets none of our figures',
    async (t) => {
      pages.set('/embeds', `<!doctype html><img src="${signed('dot.gif')}">`)
      const { tab } = await open(`${strangerUrl}/embeds`)
      t.equal(await tab.evaluate('document.images[0].naturalWidth'), 1)
      const fetched = (url: string) =>
        tab.evaluate(`fetch(${JSON.stringify(url)}, { mode: 'no-cors' }).then(({ type }) => type, String)`)
      t.equal(await fetched(signed('dot.gif')), 'opaque')
      t.match(await fetched(`http://${metricsListen}/metrics`), /TypeError/)
      await tab.close()
    },
  )

  t.test('a page whose name was made to lead here gets none of them either', async (t) => {
    const { port } = new URL(`http://${metricsListen}`)
    const rebound = await open(`http://evil.test:${port}/metrics`)
    t.equal(rebound.status, 421)
    t.notMatch(await rebound.tab.content(), /twofold_build_info/)
    const own = await open(`http://localhost:${port}/metrics`)
    t.equal(own.status, 200)
    t.match(await own.tab.content(), /twofold_build_info/)
    await Promise.all([rebound.tab.close(), own.tab.close()])
  })

  t.test('a refusal is text, whatever was asked for', async (t) => {
    const { tab, status } = await open(
      `${daemon.endpoint}/${daemon.bucket}/<script>document.title='ran'</script>`,
    )
    t.equal(status, 403)
    t.not(await tab.title(), 'ran')
    t.not(await tab.evaluate('self.origin').catch(() => ''), daemon.endpoint)
    await tab.close()
  })
}

if (found === undefined && process.env['TWOFOLD_REQUIRE_ALL'] === undefined) {
  t.plan(0, 'no chromium: apt-get install chromium')
} else {
  await inBrowser(found ?? '/usr/bin/chromium')
}
