/** What answers a route. */
import type { Caller } from './caller.ts'
import type { Daemon } from './daemon.ts'
import type { AnswerOf, InputOf, RouteName } from './routes.ts'

/** The `:id` and `:type` of a route's path. Where the route is about one disk, `id` is its id even if it was called by alias. */
export type Params = Readonly<Record<string, string>>

/** One request of a caller who may make it. */
export interface Call<N extends RouteName> {
  readonly input: InputOf<N>
  readonly params: Params
  readonly caller: Caller
}

/** A page of a list, and where the next begins. */
export class Page<T> {
  readonly data: T
  readonly nextCursor: string | null

  constructor(data: T, nextCursor: string | null) {
    this.data = data
    this.nextCursor = nextCursor
  }
}

export type Handler<N extends RouteName> = (
  daemon: Daemon,
  call: Call<N>,
) => Promise<AnswerOf<N> | Page<AnswerOf<N>>>

export type Handlers = { readonly [N in RouteName]: Handler<N> }
