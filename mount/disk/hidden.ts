/** `.twofold`, which the mount shows at no level: it isn't found, isn't listed and can't be made. */

const hidden = Buffer.from('.twofold\0')

/** How many bytes it has without its NUL, for those who look at many names. */
export const hiddenLength = hidden.length - 1

/** `name` ends in a NUL. */
export function isHidden(name: Uint8Array): boolean {
  if (name.length !== hidden.length) return false
  for (let at = 0; at < hidden.length; at++) if (name[at] !== hidden[at]) return false
  return true
}
