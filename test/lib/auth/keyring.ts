import {
  chmodSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { newDiskId } from '../../../lib/disk.ts'
import { newAccessKeyId, secretOf } from '../../../lib/auth/credentials.ts'
import { Keyring, KeyringFile } from '../../../lib/auth/keyring.ts'

const invalid = { code: 'KeyringInvalid' }

t.test('the first start makes a keyring of mode 0600, the next one finds it', async (t) => {
  const dir = t.testdir({})
  const path = join(dir, 'keyring.json')
  const first = KeyringFile.open(path)
  t.equal(statSync(path).mode & 0o777, 0o600)
  t.same(readdirSync(dir), ['keyring.json'], 'no temporary is left')
  t.same(KeyringFile.open(path).keyring.toRecord(), first.keyring.toRecord())
})

t.test('rotation keeps what was signed before until its key is retired', async (t) => {
  const path = join(t.testdir({}), 'keyring.json')
  const file = KeyringFile.open(path)
  const old = file.keyring.current
  const user = { accessKeyId: newAccessKeyId(), diskId: newDiskId(), keyId: old }
  const secret = secretOf(file.keyring, user)
  t.match(secret, /^[0-9a-z]{40}$/)
  const fresh = file.rotate()
  t.not(fresh, old)
  t.equal(file.keyring.current, fresh)
  t.equal(secretOf(file.keyring, user), secret)
  t.not(secretOf(file.keyring, { ...user, keyId: fresh }), secret)
  const again = KeyringFile.open(path)
  t.equal(secretOf(again.keyring, user), secret)
  t.same(
    again.keyring.list().map(({ id, current }) => [id, current]),
    [
      [old, false],
      [fresh, true],
    ],
  )
  t.throws(() => file.retire(fresh), { code: 'KeyInUse' })
  t.throws(() => file.retire('00000000'), { code: 'NoSuchKeyringKey' })
  file.retire(old)
  t.equal(secretOf(file.keyring, user), undefined)
  t.equal(KeyringFile.open(path).keyring.has(old), false)
  t.equal(statSync(path).mode & 0o777, 0o600)
})

t.test('a keyring that others could have read or made is refused with the remedy', async (t) => {
  const dir = t.testdir({ other: '{}' })
  const path = join(dir, 'keyring.json')
  KeyringFile.open(path)
  for (const mode of [0o644, 0o640, 0o602, 0o700]) {
    chmodSync(path, mode)
    t.throws(() => KeyringFile.open(path), { ...invalid, message: /chmod 600/ }, mode.toString(8))
  }
  chmodSync(path, 0o600)
  renameSync(path, join(dir, 'real'))
  symlinkSync('real', path)
  t.throws(() => KeyringFile.open(path), { ...invalid, message: /symbolic link/ })
  t.throws(() => KeyringFile.open(dir), { ...invalid, message: /no regular file/ })
})

t.test('damage is a clear error, never another secret', async (t) => {
  const path = join(t.testdir({}), 'keyring.json')
  const whole = (KeyringFile.open(path), readFileSync(path, 'utf8'))
  const flip = (text: string) =>
    text.replace(/"secret": "(.)/, (_, c) => `"secret": "${c === 'A' ? 'B' : 'A'}`)
  for (const text of [
    '',
    '{',
    'null',
    '{"version":1}',
    whole.slice(0, -20),
    flip(whole),
    whole.replace('"version": 1', '"version": 2'),
    whole.replace(/"current": ".*"/, '"current": "00000000"'),
  ]) {
    writeFileSync(path, text)
    t.throws(() => KeyringFile.open(path), { ...invalid, message: /damaged/ }, text.slice(0, 20))
  }
})

t.test('a record carries the keyring over IPC', async (t) => {
  const keyring = Keyring.create().rotated()
  const copy = Keyring.fromRecord(JSON.parse(JSON.stringify(keyring.toRecord())))
  t.equal(copy.current, keyring.current)
  const purposes = ['s3-secret', 'share', 'continuation-token'] as const
  for (const purpose of purposes)
    t.same(copy.derive(copy.current, purpose), keyring.derive(copy.current, purpose))
  t.equal(new Set(purposes.map((p) => copy.derive(copy.current, p)?.toString('hex'))).size, 3)
})

t.test('access key ids look like those of AWS and never repeat', async (t) => {
  const ids = new Set(Array.from({ length: 1000 }, newAccessKeyId))
  t.equal(ids.size, 1000)
  for (const id of ids) if (!/^TWOF[A-Z2-7]{16}$/.test(id)) t.fail(id)
})
