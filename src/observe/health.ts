/**
 * Whether every loop is alive. A loop says `beat` each time it moved or proved itself idle; one that is silent for
 * `limits.loopSilenceMs` makes the runtime unready, by name. A loop that dies in silence is the worst outage of a runtime like this.
 */
import * as Context from "effect/Context"
import * as Layer from "effect/Layer"
import { limits } from "../config/defaults.ts"

export interface LoopState {
  readonly name: string
  readonly silentMs: number
  readonly alive: boolean
  /** Why it restarted last. */
  readonly failure?: string
}

export class Health extends Context.Service<
  Health,
  {
    /** The loop moved, or found nothing to do. Its first beat makes it known. */
    readonly beat: (loop: string) => void
    /** The loop failed and will be restarted. */
    readonly failed: (loop: string, reason: string) => void
    /** The loop ended on purpose. */
    readonly gone: (loop: string) => void
    readonly loops: () => ReadonlyArray<LoopState>
    /** `true` when all expected loops have begun and none is silent. */
    readonly ready: () => boolean
    /** Loops that must have begun before the runtime is ready. */
    readonly expect: (loop: string) => void
  }
>()("meshes/Health") {
  static readonly layer = Layer.sync(Health, () => {
    const loops = new Map<string, { last: number; failure?: string }>()
    const list = () => {
      const now = performance.now()
      return [...loops].map(([name, loop]): LoopState => {
        const silentMs = now - loop.last
        const alive = silentMs < limits.loopSilenceMs
        return loop.failure === undefined ? { name, silentMs, alive } : { name, silentMs, alive, failure: loop.failure }
      })
    }
    return {
      beat: (name) => {
        const loop = loops.get(name)
        if (loop === undefined) loops.set(name, { last: performance.now() })
        else {
          loop.last = performance.now()
          delete loop.failure
        }
      },
      failed: (name, reason) => {
        loops.set(name, { last: loops.get(name)?.last ?? Number.NEGATIVE_INFINITY, failure: reason })
      },
      gone: (name) => void loops.delete(name),
      loops: list,
      ready: () => list().every((loop) => loop.alive),
      expect: (name) => {
        if (!loops.has(name)) loops.set(name, { last: Number.NEGATIVE_INFINITY })
      },
    }
  })
}
