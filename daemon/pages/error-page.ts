/** What a person reads in a browser when a link doesn't open. */
import type { Fault, FaultCode } from '../../lib/errors.ts'

interface Words {
  readonly title: string
  readonly advice: string
}

const gone: Words = {
  title: 'The file is no longer there',
  advice: 'It was moved or removed since the link was made. Ask whoever sent the link for a new one.',
}
const busy: Words = {
  title: "The file can't be read at the moment",
  advice: 'Try again in a minute. If it stays so, tell whoever sent the link.',
}

const words: Partial<Record<FaultCode, Words>> = {
  ShareExpired: {
    title: 'This link has expired',
    advice: 'Links work for a limited time. Ask whoever sent it for a new one.',
  },
  ShareInvalid: {
    title: 'This link is not valid',
    advice:
      'It may have been cut short or changed on its way: open it again from where you got it, or ask whoever ' +
      'sent it for a new one.',
  },
  NoSuchKey: gone,
  NoSuchDisk: gone,
  AccessDenied: gone,
  DiskOffline: busy,
  ServiceUnavailable: busy,
  SlowDown: busy,
  NoSuchRoute: { title: 'There is nothing here', advice: 'Check the address.' },
  MethodNotAllowed: { title: 'A link can only be read', advice: 'Use GET or HEAD.' },
}

const escape = (text: string) => text.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`)

/** UTF-8 HTML. It names neither the file nor the disk: whoever sees it may hold no valid link. */
export function errorPage(fault: Fault, requestId: string): string {
  const { title, advice } = words[fault.code] ?? {
    title: "The file can't be sent as asked",
    advice: fault.message,
  }
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${escape(title)}</title>
<style>
  :root { color-scheme: light dark }
  body { font: 1.1rem/1.5 system-ui, sans-serif; max-width: 32rem; margin: 15vh auto; padding: 0 1.5rem }
  small { opacity: .6 }
</style>
<h1>${escape(title)}</h1>
<p>${escape(advice)}</p>
<p><small>${fault.status} ${escape(fault.code)}, request ${escape(requestId)}</small></p>
`
}
