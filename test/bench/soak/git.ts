/** A repository that is committed to, packed and cloned: each commit promised once it was synced. */
import { promise, promises, sh, shNow, type Place, type Role, type Verdict } from './role.ts'

const durable = '-c core.fsync=all -c core.fsyncMethod=fsync -c gc.auto=0'

async function round(place: Place, i: number): Promise<void> {
  const { directory } = place
  await sh(
    directory,
    `[ -d repo/.git ] || git init -q repo
     cd repo && git config user.email soak@example.org && git config user.name Soak
     mkdir -p d${i % 7}/e && for n in 1 2 3; do seq ${i} $((${i} + 200)) > d${i % 7}/e/file-$n-${i % 40}; done
     git ${durable} add -A && git ${durable} commit -q --allow-empty -m 'round ${i}'`,
  )
  promise(place, await sh(directory, 'git -C repo rev-parse HEAD'))
  if (i % 25 === 24) {
    await sh(
      directory,
      `git -C repo ${durable} gc -q && git -C repo fsck --strict >/dev/null && rm -rf clone &&
       git clone -q repo clone && git -C clone fsck --strict >/dev/null && [ -z "$(git -C clone status --porcelain)" ]`,
    )
  }
}

/** A git that was cut off leaves its locks. */
function mend({ directory }: Place): void {
  shNow(directory, `rm -rf clone; if [ -d repo/.git ]; then find repo/.git -name '*.lock' -delete; fi`)
}

function check({ directory, ...place }: Place): Verdict {
  const promised = promises({ directory, ...place })
  if (promised.length === 0) return { checked: 0, lost: [] }
  const git = `git -c safe.directory='*' -C repo`
  const there = new Set(shNow(directory, `${git} rev-list HEAD`).split('\n'))
  const lost = promised.flatMap(([commit = '']) => (there.has(commit) ? [] : [`commit ${commit} is missing`]))
  try {
    shNow(directory, `${git} fsck --strict`)
  } catch (error) {
    lost.push(`git fsck: ${String(error)}`)
  }
  return { checked: promised.length, lost }
}

export const git = (user: number): Role => ({ name: 'git', user, needs: ['git'], round, mend, check })
