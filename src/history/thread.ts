/**
 * The store in a thread of its own: it answers one call after the other.
 */
import { parentPort, workerData } from "node:worker_threads"
import { makeStore, type Store } from "./store.ts"

export interface Call {
  readonly id: number
  readonly name: keyof Store
  readonly of: ReadonlyArray<unknown>
}

export type Reply = { readonly id: number } & ({ readonly value: unknown } | { readonly error: string })

const store = makeStore((workerData as { readonly folder: string }).folder)
const port = parentPort!
port.on("message", ({ id, name, of }: Call) => {
  const reply = (): Reply => {
    try {
      return { id, value: (store[name] as (...of: ReadonlyArray<unknown>) => unknown)(...of) }
    } catch (cause) {
      return { id, error: (cause as Error).message }
    }
  }
  port.postMessage(reply())
  if (name === "close") port.close()
})
