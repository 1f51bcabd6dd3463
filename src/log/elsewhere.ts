/**
 * Publishing for the `nats` connector: to the runtime's own server or to others, each connected to once and let go when unused.
 */
import { headers as makeHeaders, type NatsConnection } from "@nats-io/nats-core"
import { jetstream, JetStreamApiError } from "@nats-io/jetstream"
import { connect } from "@nats-io/transport-node"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { limits } from "../config/defaults.ts"
import type { Host } from "../model/connector.ts"
import type { Outcome } from "../model/outcome.ts"
import { Nats, reasonOf, withoutPassword } from "./connection.ts"

type NatsMessage = Parameters<Host["nats"]>[0]

export class NatsElsewhere extends Context.Service<NatsElsewhere, { readonly publish: Host["nats"] }>()(
  "meshes/NatsElsewhere",
) {
  static readonly layer = Layer.effect(
    NatsElsewhere,
    Effect.gen(function* () {
      const own = yield* Nats
      const others = yield* Effect.acquireRelease(
        Effect.sync(() => new Map<string, Promise<NatsConnection>>()),
        (connections) => Effect.promise(() => closeAll(connections)),
      )
      const publish = async (message: NatsMessage): Promise<Outcome> => {
        try {
          const nc = message.servers === undefined ? own.nc : await connection(others, message)
          return await send(nc, message)
        } catch (cause) {
          return outcomeOf(cause)
        }
      }
      return NatsElsewhere.of({ publish: (message) => Effect.promise(() => publish(message)) })
    }),
  )
}

const connection = (others: Map<string, Promise<NatsConnection>>, message: NatsMessage): Promise<NatsConnection> => {
  const { user, password, token } = message.credentials ?? {}
  const key = JSON.stringify([message.servers, user, password, token])
  const known = others.get(key)
  if (known !== undefined) return known
  if (others.size >= limits.natsConnectionsElsewhere) forgetOldest(others)
  const opening = connect({
    servers: [...message.servers!],
    name: "meshes connector",
    timeout: limits.natsConnectTimeoutMs,
    maxReconnectAttempts: -1,
    ...(user === undefined ? {} : { user }),
    ...(password === undefined ? {} : { pass: password }),
    ...(token === undefined ? {} : { token }),
  })
  others.set(key, opening)
  // A connection that could not be made, or ended, is made anew by the next delivery.
  const forget = () => {
    if (others.get(key) === opening) others.delete(key)
  }
  opening.then((nc) => nc.closed().then(forget), forget)
  return opening
}

const forgetOldest = (others: Map<string, Promise<NatsConnection>>): void => {
  for (const [key, opening] of others) {
    others.delete(key)
    void opening.then((nc) => nc.drain()).catch(() => {})
    return
  }
}

const closeAll = async (others: Map<string, Promise<NatsConnection>>): Promise<void> => {
  await Promise.allSettled([...others.values()].map(async (opening) => (await opening).close()))
}

const send = async (nc: NatsConnection, message: NatsMessage): Promise<Outcome> => {
  const largest = nc.info?.max_payload ?? Number.POSITIVE_INFINITY
  if (message.body.length > largest) {
    return {
      kind: "rejected",
      permanent: true,
      message: `the message has ${message.body.length} bytes, the server takes ${largest}`,
    }
  }
  const headers = makeHeaders()
  for (const [name, value] of Object.entries(message.headers)) headers.set(name, value)
  if (message.acknowledged) {
    const ack = await jetstream(nc, { timeout: limits.batchTimeoutMs }).publish(message.subject, message.body, {
      headers,
    })
    return {
      kind: "delivered",
      message: `stored in ${ack.stream} as ${ack.seq}${ack.duplicate ? " (it was there already)" : ""}`,
    }
  }
  nc.publish(message.subject, message.body, { headers })
  await nc.flush()
  return { kind: "delivered", message: `the server at ${withoutPassword(nc.getServer())} took it` }
}

/** JetStream's answers that a repeat cannot change: no such stream, too large, wrong expectation, sealed, account limits. */
const permanentCodes = new Set([10_059, 10_060, 10_054, 10_097, 10_070, 10_071, 10_002, 10_109])

const outcomeOf = (cause: unknown): Outcome => {
  const message = reasonOf(cause)
  if (cause instanceof JetStreamApiError) {
    if (permanentCodes.has(cause.code)) return { kind: "rejected", permanent: true, message }
    return cause.code === 10_167 ? { kind: "rate_limited", message } : { kind: "server_error", message }
  }
  if (/authorization|authentication|permissions/i.test(message)) return { kind: "auth_failed", message }
  if (/timeout/i.test(message)) return { kind: "timeout", message }
  return { kind: "network_error", message }
}
