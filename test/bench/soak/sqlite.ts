/** Two writers on one database in WAL mode, each row promised when its commit has returned. */
import { promise, promises, sh, shNow, type Place, type Role, type Verdict } from './role.ts'

const insert = (writer: number, row: number) => `sqlite3 -bail -cmd '.timeout 20000' db "
  pragma synchronous = full; pragma mmap_size = 1048576; begin immediate;
  insert into rows values (${writer}, ${row}, hex(randomblob(${(row * 53) % 900}))); commit"`

async function round(place: Place, i: number): Promise<void> {
  const { directory } = place
  if (i % 100 === 0) {
    await sh(
      directory,
      `sqlite3 -bail -cmd '.timeout 20000' db 'pragma journal_mode = wal;
       create table if not exists rows (writer integer, row integer, filling text)' >/dev/null`,
    )
  }
  await Promise.all(
    [0, 1].map(async (writer) => {
      await sh(directory, insert(writer, i))
      promise(place, `${writer}|${i}`)
    }),
  )
}

function check(place: Place): Verdict {
  const promised = promises(place)
  if (promised.length === 0) return { checked: 0, lost: [] }
  const [sound, ...rows] = shNow(
    place.directory,
    `sqlite3 db 'pragma integrity_check; select writer, row from rows'`,
  ).split('\n')
  const there = new Set(rows)
  const lost = promised.flatMap(([row = '']) => (there.has(row) ? [] : [`row ${row} is missing`]))
  if (sound !== 'ok') lost.push(`integrity_check says ${sound}`)
  return { checked: promised.length, lost }
}

export const sqlite = (user: number): Role => ({ name: 'sqlite', user, needs: ['sqlite3'], round, check })
