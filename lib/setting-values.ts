/**
 * The kinds of values that settings have: from what somebody wrote, text of a flag or of the environment, or JSON of
 * the file. Each throws InvalidSetting, which says what would do.
 */
import { isIP } from 'node:net'
import { resolve } from 'node:path'
import { Fault } from './errors.ts'

export const refuse = (wanted: string) => (value: unknown) =>
  new Fault('InvalidSetting', `${JSON.stringify(value)} is not ${wanted}`)

export const pathSetting = (value: unknown, cwd: string): string => {
  if (typeof value !== 'string' || value === '' || value.includes('\0')) throw refuse('a path')(value)
  return resolve(cwd, value)
}

/** A whole number of `least` to `most`; sizes may end in k, M or G (powers of 1024) when `units` says so. */
export const wholeSetting =
  (least: number, most: number, units = false) =>
  (value: unknown): number => {
    const no = refuse(`a whole number of ${least} to ${most}${units ? ' (k, M and G are understood)' : ''}`)
    const text = typeof value === 'number' ? String(value) : value
    const match = typeof text === 'string' ? /^(\d{1,15})([kKmMgG])?(?:i?B)?$/.exec(text) : null
    if (!match || (match[2] !== undefined && !units)) throw no(value)
    const scale = { k: 1024, m: 1024 ** 2, g: 1024 ** 3 }[match[2]?.toLowerCase() ?? ''] ?? 1
    const number = Number(match[1]) * scale
    if (number < least || number > most) throw no(value)
    return number
  }

/** Seconds with an optional fraction, or with a unit (ms, s, m, h); given out in milliseconds. */
export const durationSetting =
  (least: number, most: number) =>
  (value: unknown): number => {
    const no = refuse(`a time of ${least / 1000} to ${most / 1000} seconds (ms, s, m and h are understood)`)
    const text = typeof value === 'number' ? String(value) : value
    const match = typeof text === 'string' ? /^(\d{1,9}(?:\.\d{1,3})?)(ms|s|m|h)?$/.exec(text) : null
    if (!match) throw no(value)
    const scale = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }[match[2] ?? 's'] ?? 1000
    const ms = Math.round(Number(match[1]) * scale)
    if (ms < least || ms > most) throw no(value)
    return ms
  }

export const choiceSetting =
  <const T extends string>(...values: T[]) =>
  (value: unknown): T => {
    const found = values.find((one) => one === value)
    if (found === undefined) throw refuse(`one of ${values.join(', ')}`)(value)
    return found
  }

export const switchSetting = (value: unknown): boolean => {
  if (value === true || value === 'true' || value === '1' || value === 'yes') return true
  if (value === false || value === 'false' || value === '0' || value === 'no') return false
  throw refuse('true or false')(value)
}

export const domainsSetting = (value: unknown): readonly string[] => {
  const list: unknown[] = typeof value === 'string' ? value.split(',') : Array.isArray(value) ? value : [null]
  return list
    .map((one) => (typeof one === 'string' ? one.trim().toLowerCase() : one))
    .filter((one) => one !== '')
    .map((one) => {
      if (typeof one === 'string' && one.length <= 253 && /^[a-z0-9-]+(\.[a-z0-9-]+)*$/.test(one)) return one
      throw refuse('a list of domain names')(value)
    })
}

/** Addresses and networks, in text separated by commas. */
export const networksSetting = (value: unknown): readonly string[] => {
  const no = refuse('a list of addresses and networks, as 10.0.0.0/8')
  const list: unknown[] = typeof value === 'string' ? value.split(',') : Array.isArray(value) ? value : [null]
  return list
    .map((one) => (typeof one === 'string' ? one.trim().toLowerCase() : one))
    .filter((one) => one !== '')
    .map((one) => {
      const [address = '', bits, ...more] = typeof one === 'string' ? one.split('/') : []
      const most = { 0: -1, 4: 32, 6: 128 }[isIP(address)] ?? -1
      const fits = bits === undefined ? most > 0 : /^\d{1,3}$/.test(bits) && Number(bits) <= most
      if (typeof one !== 'string' || !fits || more.length > 0 || address.includes('%')) throw no(value)
      return one
    })
}

export const urlSetting = (value: unknown): string => {
  const no = refuse('an http or https URL without a query')
  if (typeof value !== 'string' || !URL.canParse(value)) throw no(value)
  const parsed = new URL(value)
  if (
    !/^https?:$/.test(parsed.protocol) ||
    parsed.search !== '' ||
    parsed.hash !== '' ||
    parsed.username !== ''
  ) {
    throw no(value)
  }
  return parsed.href.replace(/\/+$/, '')
}

/** The name of an account, or `UID`, or `UID:GID`. That it exists is for who takes it on to see. */
export const userSetting = (value: unknown): string => {
  const text = typeof value === 'number' ? String(value) : value
  if (typeof text === 'string' && /^(?:[A-Za-z_][A-Za-z0-9_.-]{0,31}|\d{1,9}(?::\d{1,9})?)$/.test(text))
    return text
  throw refuse('an account, or UID[:GID]')(value)
}
