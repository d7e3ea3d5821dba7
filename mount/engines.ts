/** The engines, best first, and the choice between them. */
import { Fault } from '../lib/errors.ts'
import type { Engine, EngineName } from './engine.ts'
import { kernelEngine } from './kernel/engine.ts'
import { fuseNativeEngine } from './native/engine.ts'

export const engines: readonly Engine[] = [kernelEngine, fuseNativeEngine]

export interface EngineChoice {
  readonly engine: Engine
  /** Why a better engine was passed over, for the log and `status`. */
  readonly notes: readonly string[]
}

/** The engine of that name, or the best that this machine can run. Throws Unsupported, with each one's reason. */
export function chooseEngine(wanted: EngineName | 'auto'): EngineChoice {
  const notes: string[] = []
  for (const engine of engines) {
    if (wanted !== 'auto' && engine.name !== wanted) continue
    const reason = engine.unavailable()
    if (reason === null) return { engine, notes }
    notes.push(`engine ${engine.name}: ${reason}`)
  }
  throw new Fault('Unsupported', notes.join('; '))
}
