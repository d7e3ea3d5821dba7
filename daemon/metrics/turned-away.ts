/** What is counted of those who found no place, or lost the one that they had. */

/** Why a request was refused: no place was free, or its client, key or link had its share. */
export const refusals = ['requests', 'connections', 'address', 'key', 'link'] as const
export type Refusal = (typeof refusals)[number]

/** Why a connection was closed: it was idle and another came, or its client was slow while places were short. */
export const closings = ['idle', 'slow'] as const
export type Closing = (typeof closings)[number]
