/**
 * The one connection to NATS that the whole process shares. It reconnects for ever; who uses it asks `connected` before beginning
 * something that must not be half-done, and is told of each reconnection, since whatever was asked of the server before is lost.
 */
import { jetstreamManager, type JetStreamManager } from "@nats-io/jetstream"
import { connect, type NatsConnection } from "@nats-io/transport-node"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import { limits, natsServerMinimum } from "../config/defaults.ts"
import { followLogTime } from "./log-time.ts"
import { Unusable } from "../model/errors.ts"

export interface NatsShape {
  readonly nc: NatsConnection
  readonly jsm: JetStreamManager
  readonly connected: () => boolean
  /** Called after each reconnection; gives back how to stop that. */
  readonly onReconnect: (listener: () => void) => () => void
  /** The address as configured, for people. */
  readonly url: string
}

export class Nats extends Context.Service<Nats, NatsShape>()("meshes/Nats") {
  /** Connects (waiting up to `waitMs` for the server; 0: once), and refuses a server that cannot serve us. */
  static readonly layer = (url: string, waitMs: number = limits.natsStartWaitMs) =>
    Layer.effect(
      Nats,
      Effect.acquireRelease(open(url, waitMs), (nats) => Effect.promise(() => close(nats))),
    )
}

const connectOnce = (url: string): Effect.Effect<NatsConnection, Unusable> =>
  Effect.tryPromise({
    try: () =>
      connect({
        servers: url.split(",").map((server) => server.trim()),
        name: "meshes",
        maxReconnectAttempts: -1,
        reconnectTimeWait: limits.natsReconnectWaitMs,
        reconnectJitter: limits.natsReconnectWaitMs,
        timeout: limits.natsConnectTimeoutMs,
        pingInterval: 10_000,
        ignoreAuthErrorAbort: true,
      }),
    catch: (cause) =>
      new Unusable({
        message:
          `cannot reach NATS at ${withoutPassword(url)}: ${reasonOf(cause)}. ` +
          "Start it, or correct MESHES_NATS_URL; without MESHES_NATS_URL an embedded server is used.",
      }),
  })

const open = Effect.fnUntraced(function* (url: string, waitMs: number) {
  const patient = connectOnce(url).pipe(
    Effect.tapError((error) => Effect.logWarning(`${error.message} Trying again.`)),
    Effect.retry(
      Schedule.min([Schedule.exponential("200 millis"), Schedule.spaced("3 seconds")]).pipe(
        Schedule.upTo({ duration: waitMs }),
      ),
    ),
  )
  const nc = yield* waitMs === 0 ? connectOnce(url) : patient
  const version = nc.info?.version ?? "0.0.0"
  const unfit = olderThan(version, natsServerMinimum)
    ? `is nats-server ${version}; Meshes needs ${natsServerMinimum} or newer (atomic batches and message schedules). Upgrade it.`
    : nc.info?.jetstream !== true
      ? "has JetStream switched off. Switch it on: `jetstream {}` in its configuration, or `nats-server -js`."
      : nc.info.max_payload < limits.natsPayloadMin
        ? `allows messages of ${nc.info.max_payload} bytes; Meshes needs max_payload of ${limits.natsPayloadMin} or more.`
        : undefined
  if (unfit !== undefined) {
    yield* Effect.promise(() => nc.close())
    return yield* new Unusable({ message: `the NATS server at ${withoutPassword(url)} ${unfit}` })
  }
  const jsm = yield* Effect.promise(() => jetstreamManager(nc, { timeout: limits.batchTimeoutMs, checkAPI: false }))
  return watch(nc, jsm, withoutPassword(url))
})

const watch = (nc: NatsConnection, jsm: JetStreamManager, url: string): NatsShape => {
  let connected = true
  const listeners = new Set<() => void>()
  const unfollow = followLogTime(nc)
  void nc.closed().then(unfollow)
  void (async () => {
    for await (const status of nc.status()) {
      if (status.type === "disconnect" || status.type === "staleConnection" || status.type === "close") {
        connected = false
      } else if (status.type === "reconnect") {
        connected = true
        for (const listener of listeners) listener()
      }
    }
  })()
  return {
    nc,
    jsm,
    url,
    connected: () => connected && !nc.isClosed(),
    onReconnect: (listener) => {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
  }
}

/** Flushes what was acknowledged last; does not wait for a server that is away. */
const close = async (nats: NatsShape): Promise<void> => {
  if (nats.connected()) {
    await Promise.race([nats.nc.flush(), new Promise((resolve) => setTimeout(resolve, 1000).unref())]).catch(() => {})
  }
  await nats.nc.close()
}

/** What went wrong, in one line. */
export const reasonOf = (cause: unknown): string => {
  if (cause instanceof AggregateError && cause.errors.length > 0) return reasonOf(cause.errors[0])
  if (cause instanceof Error) {
    const inner = cause.cause instanceof Error && cause.cause.message !== "" ? ` (${cause.cause.message})` : ""
    return `${cause.message === "" ? cause.name : cause.message}${inner}`
  }
  return String(cause)
}

/** `nats://user:secret@host` without the secret. */
export const withoutPassword = (url: string): string => url.replace(/\/\/[^@/,]*@/g, "//***@")

/** Compares `major.minor.patch`, ignoring what follows. */
export const olderThan = (version: string, minimum: string): boolean => {
  const parts = (text: string) => text.split(/[.-]/).slice(0, 3).map(Number)
  const [a, b] = [parts(version), parts(minimum)]
  for (let i = 0; i < 3; i++) {
    const difference = (a[i] ?? 0) - (b[i] ?? 0)
    if (difference !== 0) return difference < 0
  }
  return false
}
