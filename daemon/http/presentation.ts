/**
 * How a browser is told to show a file of a disk that it reached by a link. Such files are anybody's, and they
 * come from the origin of the S3 door: so nothing in them may run, and what a browser can't show without
 * running it is downloaded.
 *
 * Every answer has a policy that loads nothing from elsewhere, and a sandbox without scripts, forms, popups
 * or an origin. Sound and video keep the origin, without which browsers don't load them for their own player;
 * nothing in such a document can use it. Only a PDF has no sandbox, in which browsers refuse to show one:
 * their viewers are apart from the page's origin themselves.
 */

/** Types that a browser shows as they are, besides `audio/*`, `video/*` and `text/*`. */
const shown = new Set([
  'application/json',
  'application/pdf',
  'application/xhtml+xml',
  'application/xml',
  'image/avif',
  'image/bmp',
  'image/gif',
  'image/jpeg',
  'image/png',
  'image/svg+xml',
  'image/vnd.microsoft.icon',
  'image/webp',
  'image/x-icon',
])

export interface Presentation {
  readonly disposition: 'inline' | 'attachment'
  /** Content-Type, with a charset where the type is text and named none. */
  readonly type: string
  /** Content-Security-Policy. */
  readonly policy: string
}

const loadsNothing =
  "default-src 'none'; style-src 'unsafe-inline'; img-src data:; media-src 'self' data:; font-src data:; " +
  "base-uri 'none'; form-action 'none'"

/** `type` is a media type, with parameters or without. */
export function present(type: string): Presentation {
  const [essence = ''] = type.toLowerCase().split(';', 1)
  const name = essence.trim()
  const text = name.startsWith('text/')
  const played = /^(?:audio|video)\//.test(name)
  const named = (text || /^application\/(?:json|xml|xhtml\+xml)$/.test(name)) && !/charset\s*=/i.test(type)
  const confined =
    name === 'application/pdf'
      ? "object-src 'self'; frame-src 'self'"
      : played
        ? 'sandbox allow-same-origin'
        : 'sandbox'
  return {
    disposition: text || played || shown.has(name) ? 'inline' : 'attachment',
    type: named ? `${type}; charset=utf-8` : type,
    policy: `${loadsNothing}; ${confined}`,
  }
}
