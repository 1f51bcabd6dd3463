/**
 * What a client is made with, checked: a wrong option is an error at once, and not the first time that something fails.
 */
import { batchDefaults, retryDefaults, runtimeLimits, timeoutDefaultMs } from "./defaults.ts"
import type { MeshesError } from "./errors.ts"
import type { BatchLimits } from "./queue.ts"
import type { Sending } from "./send.ts"

export interface RetryOptions {
  /** Requests for one batch, the first included. Default: 6. */
  readonly attempts?: number
  /** Before the second attempt, about; doubled for each one after, up to `maxMs`. Default: 500, and 10,000. */
  readonly minMs?: number
  readonly maxMs?: number
  /** From the first attempt to the beginning of the last one. With `timeoutMs` at most 120,000. Default: 60,000. */
  readonly giveUpAfterMs?: number
}

export interface BatchOptions {
  /** Events of one request, at most 1,000. Default: 100. */
  readonly size?: number
  /** Bytes of one request, at most 4 MiB. Default: 256 KiB. */
  readonly bytes?: number
  /** How long an event waits for others to go with it. Default: 200. */
  readonly waitMs?: number
  /** What may wait; events beyond it are dropped, and `onError` is told. Default: 10,000 events, 16 MiB. */
  readonly queueEvents?: number
  readonly queueBytes?: number
}

interface CommonOptions<W extends string> {
  /** The runtime's address: `https://events.example.com`. */
  readonly url: string
  /** For events that name none. Default: the one that the key is bound to. */
  readonly workspace?: W | undefined
  /** Default: the one that is there. */
  readonly fetch?: typeof fetch
  /** How long one request may take. Default: 20,000. */
  readonly timeoutMs?: number
  readonly retry?: RetryOptions
  /** How `emit` sends. */
  readonly batch?: BatchOptions
  /** Told of every event that was emitted and is not stored. Default: writes it to the console. */
  readonly onError?: (error: MeshesError) => void
}

/** One of the two kinds of key. */
export type ClientOptions<W extends string = string> = CommonOptions<W> &
  (
    | {
        /** A secret key: for servers alone. */
        readonly key: string
        readonly publishableKey?: never
      }
    | {
        /** A key that anybody may see, as it can only publish: for browsers. */
        readonly publishableKey: string
        readonly key?: never
      }
  )

const wrong = (message: string): TypeError => new TypeError(`createClient: ${message}`)

export const sendingOf = (options: ClientOptions): Sending => {
  const { key, publishableKey } = options
  if (typeof (key ?? publishableKey) !== "string" || (key ?? publishableKey) === "" || (key && publishableKey)) {
    throw wrong("give key (a secret one, on a server) or publishableKey (in a browser)")
  }
  const retry = { ...retryDefaults, ...options.retry }
  const timeoutMs = options.timeoutMs ?? timeoutDefaultMs
  checkNumbers("retry", retry, { attempts: 1 })
  checkNumbers("", { timeoutMs }, { timeoutMs: 1 })
  if (retry.giveUpAfterMs + timeoutMs > runtimeLimits.idempotencyWindowMs) {
    throw wrong(
      `retry.giveUpAfterMs and timeoutMs are ${retry.giveUpAfterMs} and ${timeoutMs}: together at most ` +
        `${runtimeLimits.idempotencyWindowMs}, as the runtime knows a repeat for no longer`,
    )
  }
  return {
    ...retry,
    timeoutMs,
    url: addressOf(options.url),
    headers: {
      "content-type": "application/json",
      ...(key === undefined ? { "x-meshes-publishable-key": publishableKey! } : { authorization: `Bearer ${key}` }),
    },
    // Browsers refuse a `fetch` that is called as a method of something else.
    fetch: options.fetch ?? ((input, init) => fetch(input, init)),
  }
}

export const batchOf = (options: BatchOptions = {}): BatchLimits => {
  const batch = { ...batchDefaults, ...options }
  checkNumbers("batch", batch, { size: 1, bytes: 1, queueEvents: 1, queueBytes: 1 })
  for (const [name, max] of [["size", runtimeLimits.events] as const, ["bytes", runtimeLimits.bytes] as const]) {
    if (batch[name] > max) throw wrong(`batch.${name} is ${batch[name]}: at most ${max}`)
  }
  return batch
}

const addressOf = (url: string): string => {
  try {
    return new URL("api/v1/events/bulk", url.endsWith("/") ? url : `${url}/`).href
  } catch {
    throw wrong(`url is ${JSON.stringify(url)}: give the runtime's whole address, such as https://events.example.com`)
  }
}

const checkNumbers = (
  place: string,
  values: { readonly [name: string]: number },
  least: { readonly [name: string]: number },
): void => {
  for (const [name, value] of Object.entries(values)) {
    if (Number.isFinite(value) && value >= (least[name] ?? 0)) continue
    throw wrong(`${place}${place && "."}${name} is ${value}: give a number, at least ${least[name] ?? 0}`)
  }
}
