import t from 'tap'
import { newDiskId } from '../../../lib/disk.ts'
import { Keyring } from '../../../lib/auth/keyring.ts'
import { linkKeyRecords } from '../../../lib/auth/link-keys.ts'
import {
  LinkVerifier,
  readShare,
  requireOldShare,
  requireUnexpired,
  signShare,
  type Share,
} from '../../../lib/auth/share.ts'
import { oldLink } from '../../fixtures/old-link.ts'

const keyring = Keyring.create()
const share = { diskId: newDiskId(), path: 'photos/2026/cat.jpg', expires: 1_800_000_000 }
const now = (share.expires - 1) * 1000
const link = signShare(keyring, share)
const invalid = { code: 'ShareInvalid' }

/** As a door does, with nothing but public keys. */
function verifyShare(keyring: Keyring, rawPath: string, now: number): Share {
  const share = readShare(rawPath)
  new LinkVerifier(linkKeyRecords(keyring)).require(share)
  requireUnexpired(share, now)
  const { diskId, path, expires } = share
  return { diskId, path, expires }
}

t.test('a link names its file and opens it until it expires', async (t) => {
  t.match(link, /^\/-\/s\/[\w-]{110}\/photos\/2026\/cat\.jpg$/)
  t.same(verifyShare(keyring, link, now), share)
  t.throws(() => verifyShare(keyring, link, share.expires * 1000), { code: 'ShareExpired' })
})

t.test('names in any script come back as they went', async (t) => {
  for (const path of [
    'é/e\u0301',
    '日本語 100%.txt',
    "a'b(c)!*.txt",
    'a?b#c&d=e;f',
    '\u202Egpj.exe',
    '👩‍👩‍👧',
    '%2e%2e',
    'a\\b',
  ]) {
    const link = signShare(keyring, { ...share, path })
    t.match(link, /^[\w\-.~%/]+$/)
    t.equal(verifyShare(keyring, link, now).path, path, path)
    t.equal(new URL(link, 'http://h').pathname, link, 'a browser leaves it alone')
  }
})

t.test('it survives rotation, and ends with its key', async (t) => {
  const rotated = keyring.rotated()
  t.same(verifyShare(rotated, link, now), share)
  t.throws(() => verifyShare(rotated.retired(keyring.current), link, now), invalid)
  t.throws(() => verifyShare(Keyring.create(), link, now), invalid)
})

t.test('whatever is altered is refused', async (t) => {
  const [, , , token = '', ...path] = link.split('/')
  for (let i = 0; i < token.length; i++) {
    const other = token.slice(0, i) + (token[i] === 'A' ? 'B' : 'A') + token.slice(i + 1)
    t.throws(() => verifyShare(keyring, `/-/s/${other}/${path.join('/')}`, now), invalid)
  }
  for (const bad of [
    `/-/s/${token}/photos/2026/dog.jpg`,
    `/-/s/${token}/photos/2026/cat.jpg/`,
    `/-/s/${token}//photos/2026/cat.jpg`,
    `/-/s/${token}/photos/2026/./cat.jpg`,
    `/-/s/${token}/photos/2026/cat.jpg%00`,
    `/-/s/${token}/%ff`,
    `/-/s/${token}/%`,
    `/-/s/${token}/`,
    `/-/s/${token}`,
    `/-/s/${token}=/${path.join('/')}`,
    `/-/s//${path.join('/')}`,
    '/-/s/',
    '/-/s',
    '/',
    '',
  ])
    t.throws(() => verifyShare(keyring, bad, now), invalid, bad)
})

t.test('a link of version 1 is checked by the keyring, and by nobody else', async (t) => {
  const old = oldLink(keyring, share)
  const claimed = readShare(old)
  t.equal(claimed.version, 1)
  requireOldShare(keyring, claimed, share.expires)
  t.throws(() => requireOldShare(keyring, claimed, share.expires - 1), invalid, 'none was made that late')
  t.throws(() => requireOldShare(Keyring.create(), claimed, share.expires), invalid)
  t.throws(() => requireOldShare(keyring, readShare(link), share.expires), invalid, 'nor is another version')
  t.throws(() => new LinkVerifier(linkKeyRecords(keyring)).require(claimed), invalid)
})
