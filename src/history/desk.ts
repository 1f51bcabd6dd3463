/**
 * The other side of `thread.ts`: calls of the store, answered by its thread. A thread that ended is begun anew by the next call.
 */
import { Worker } from "node:worker_threads"
import { limits } from "../config/defaults.ts"
import type { Store } from "./store.ts"
import type { Call, Reply } from "./thread.ts"

export interface Desk {
  /** Rejects with what the store threw, or when its thread ended. */
  readonly call: <N extends keyof Store>(name: N, ...of: Parameters<Store[N]>) => Promise<ReturnType<Store[N]>>
  /** Ends it, with what was asked before. */
  readonly close: () => Promise<void>
}

interface Waiting {
  readonly resolve: (value: any) => void
  readonly reject: (error: Error) => void
}

const file = new URL(import.meta.url.endsWith(".ts") ? "thread.ts" : "thread.js", import.meta.url)

export const makeDesk = (folder: string): Desk => {
  const waiting = new Map<number, Waiting>()
  let calls = 0
  let worker: Worker | undefined
  let ended: Promise<unknown> = Promise.resolve()

  const begin = (): Worker => {
    const begun = new Worker(file, { workerData: { folder } })
    begun.on("message", (reply: Reply) => {
      const one = waiting.get(reply.id)
      waiting.delete(reply.id)
      if ("error" in reply) one?.reject(new Error(reply.error))
      else one?.resolve(reply.value)
    })
    let reason = "its thread ended"
    begun.once("error", (cause) => (reason = (cause as Error).message))
    ended = new Promise((resolve) =>
      begun.once("exit", () => {
        worker = undefined
        for (const one of waiting.values()) one.reject(new Error(reason))
        waiting.clear()
        resolve(undefined)
      }),
    )
    return begun
  }

  const call: Desk["call"] = (name, ...of) =>
    new Promise((resolve, reject) => {
      const id = ++calls
      waiting.set(id, { resolve, reject })
      worker ??= begin()
      // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has no origin
      worker.postMessage({ id, name, of } satisfies Call)
    })

  return {
    call,
    close: async () => {
      const open = worker
      if (open === undefined) return
      void call("close").catch(() => undefined)
      const late = setTimeout(() => void open.terminate(), limits.historyCloseMs)
      await ended
      clearTimeout(late)
    },
  }
}
