/**
 * How a browser is told to show a file of a disk. Such files are anybody's, and they come from the origin of the S3
 * door: so nothing in them may run. By a link, what a browser can't show without running it is downloaded; by a signed
 * request, type and disposition are what S3 says.
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
  const name = essenceOf(type)
  const text = name.startsWith('text/')
  const named = (text || /^application\/(?:json|xml|xhtml\+xml)$/.test(name)) && !/charset\s*=/i.test(type)
  return {
    disposition: text || played.test(name) || shown.has(name) ? 'inline' : 'attachment',
    type: named ? `${type}; charset=utf-8` : type,
    policy: policyOf(type),
  }
}

/** Content-Security-Policy for what is sent as `type`, which may be anything that a header can hold. */
export function policyOf(type: string): string {
  let policy = policies.get(type)
  if (policy === undefined) {
    const name = essenceOf(type)
    policy = name === 'application/pdf' ? forPdf : played.test(name) ? forPlayer : confined
    if (policies.size < mostRemembered) policies.set(type, policy)
  }
  return policy
}

/** Types are few; those that somebody makes up are worked out again each time. */
const mostRemembered = 200
const policies = new Map<string, string>()
const played = /^(?:audio|video)\//
const forPdf = `${loadsNothing}; object-src 'self'; frame-src 'self'`
const forPlayer = `${loadsNothing}; sandbox allow-same-origin`
/** For whatever needs nothing particular. */
export const confined = `${loadsNothing}; sandbox`

/**
 * Type and subtype alone, '' where there may be several: of a list browsers take the last
 * (https://fetch.spec.whatwg.org/#concept-header-extract-mime-type).
 */
const essenceOf = (type: string): string =>
  type.includes(',') ? '' : type.toLowerCase().split(';', 1)[0]!.trim()
