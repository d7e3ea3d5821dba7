/** The dates of HTTP (RFC 9110, 5.6.7), written and read. */
import { LRUCache } from '../lru.ts'

const written = new LRUCache<number, string>({ max: 4096 })

/** `Sun, 06 Nov 1994 08:49:37 GMT`, of seconds since the epoch. Years that the format can't hold become its nearest. */
export function httpDate(seconds: number): string {
  let text = written.get(seconds)
  if (text === undefined) written.set(seconds, (text = dateWithin(seconds).toUTCString()))
  return text
}

/** The nearest date that four digits can say the year of. */
export const dateWithin = (seconds: number): Date =>
  new Date(Math.min(Math.max(seconds, -62135596800), 253402300799) * 1000)

const months = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec']

/**
 * The three forms of RFC 9110, 5.6.7, in seconds since the epoch; undefined for anything else, which makes the
 * condition count as absent. A year of two digits more than 50 years ahead is one of the century before.
 */
export function parseHttpDate(text: string): number | undefined {
  const fixed = /^\w{3}, (\d\d) (\w{3}) (\d{4}) (\d\d):(\d\d):(\d\d) GMT$/i.exec(text.trim())
  if (fixed !== null) return seconds(fixed[3], fixed[2], fixed[1], fixed[4], fixed[5], fixed[6])
  const rfc850 = /^\w{6,9}, (\d\d)-(\w{3})-(\d\d) (\d\d):(\d\d):(\d\d) GMT$/i.exec(text.trim())
  if (rfc850 !== null) {
    const thisYear = new Date().getUTCFullYear()
    const near = Math.floor(thisYear / 100) * 100 + Number(rfc850[3])
    const year = near > thisYear + 50 ? near - 100 : near
    return seconds(String(year), rfc850[2], rfc850[1], rfc850[4], rfc850[5], rfc850[6])
  }
  const asctime = /^\w{3} (\w{3}) ([ \d]\d) (\d\d):(\d\d):(\d\d) (\d{4})$/i.exec(text.trim())
  if (asctime !== null) return seconds(asctime[6], asctime[1], asctime[2], asctime[3], asctime[4], asctime[5])
  return undefined
}

function seconds(year = '', name = '', day = '', hour = '', minute = '', second = ''): number | undefined {
  const month = months.indexOf(name.toLowerCase())
  if (month === -1 || Number(hour) > 23 || Number(minute) > 59 || Number(second) > 60) return undefined
  const date = new Date(0)
  date.setUTCFullYear(Number(year), month, Number(day))
  if (date.getUTCMonth() !== month) return undefined
  return date.setUTCHours(Number(hour), Number(minute), Number(second)) / 1000
}
