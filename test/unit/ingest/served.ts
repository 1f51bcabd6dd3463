/**
 * The real HTTP server on a free port over a log in memory, and a client that speaks to it over a real socket.
 */
import { request } from "node:http"
import { Effect, Layer } from "effect"
import { Keys, hashKey } from "../../../src/accounts/keys.ts"
import { Sessions } from "../../../src/accounts/sessions.ts"
import { CurrentPlan } from "../../../src/config/current-plan.ts"
import type { EventTypePlan, KeyPlan, Plan, WorkspacePlan } from "../../../src/config/plan.ts"
import { IngestAddress, ingestLayer } from "../../../src/ingest/server.ts"
import type { ConnectionState } from "../../../src/model/connection-state.ts"
import { Health } from "../../../src/observe/health.ts"
import { makeMemoryCircuits } from "./memory-circuits.ts"
import { noLimits } from "./no-limits.ts"
import { noPast } from "./no-past.ts"
import { noVendors } from "./no-vendors.ts"
import { makeMemoryKeys } from "./memory-keys.ts"
import { makeMemoryLog, type MemoryLog } from "./memory-log.ts"
import { makeMemoryVault } from "./memory-vault.ts"

export interface Answer {
  readonly status: number
  readonly headers: { readonly [name: string]: string | ReadonlyArray<string> | undefined }
  readonly text: string
  /** The parsed body. */
  readonly json: any
}

export interface Sent {
  readonly method?: string
  /** `undefined` leaves a header out that is sent otherwise. */
  readonly headers?: { readonly [name: string]: string | undefined }
  readonly body?: unknown
}

export interface Served {
  readonly url: string
  readonly log: MemoryLog
  /** States of circuits, as `<workspace>/<connection>`. */
  readonly states: Map<string, ConnectionState>
  readonly vault: ReturnType<typeof makeMemoryVault>
  readonly issued: ReturnType<typeof makeMemoryKeys>
  readonly health: Health["Service"]
  readonly setPlan: (plan: Plan) => void
  /** A string or bytes are sent as they are, anything else as JSON. */
  readonly post: (path: string, body: unknown, headers?: Sent["headers"]) => Effect.Effect<Answer>
  readonly send: (path: string, sent?: Sent) => Effect.Effect<Answer>
}

export const adminKey = "admin-key"

const eventTypes = new Map<string, EventTypePlan>([
  [
    "lead.created",
    {
      type: "lead.created",
      check: (payload) =>
        typeof (payload as { readonly email?: unknown }).email === "string"
          ? []
          : [{ path: ["email"], message: "must be a text" }],
    },
  ],
])

const workspace = (id: string): WorkspacePlan => ({
  id,
  tags: [],
  eventTypes,
  connections: new Map(),
  rules: [],
})

export const key = (name: string, rest: Partial<KeyPlan> = {}): KeyPlan => ({
  name,
  hash: hashKey(`${name}-key`),
  scopes: ["publish"],
  publishable: false,
  ...rest,
})

export const planOf = (workspaces: ReadonlyArray<string>, keys: ReadonlyArray<KeyPlan> = []): Plan => ({
  revision: "000000000000",
  workspaces: new Map(workspaces.map((id) => [id, workspace(id)])),
  keys,
})

export const serve = (keys: ReadonlyArray<KeyPlan> = [], address: { readonly publicUrl?: string } = {}) =>
  Effect.gen(function* () {
    const log = makeMemoryLog()
    let plan = planOf(["acme", "globex"], keys)
    const current = Layer.succeed(CurrentPlan, { get: () => plan })
    const { states, layer: circuits } = makeMemoryCircuits()
    const vault = makeMemoryVault()
    const issued = makeMemoryKeys()
    const services = Layer.mergeAll(
      circuits,
      noVendors,
      noPast,
      log.layer,
      vault.layer,
      Health.layer,
      noLimits.pipe(Layer.provide(log.layer)),
      Sessions.layer.pipe(Layer.provideMerge(Keys.layer({ adminKey, keys: [] }))),
    ).pipe(Layer.provideMerge(Layer.merge(current, issued.layer)))
    const built = yield* Layer.build(
      ingestLayer({ host: "127.0.0.1", port: 0, ...address }).pipe(Layer.provideMerge(services)),
    )
    return yield* Effect.gen(function* () {
      const { url } = yield* IngestAddress
      const health = yield* Health
      const send = (path: string, sent: Sent = {}) => Effect.promise(() => exchange(url, path, sent))
      const served: Served = {
        url,
        log,
        states,
        vault,
        issued,
        health,
        setPlan: (next) => {
          plan = next
        },
        send,
        post: (path, body, headers) =>
          send(path, { method: "POST", body, ...(headers === undefined ? {} : { headers }) }),
      }
      return served
    }).pipe(Effect.provide(built))
  })

const exchange = (url: string, path: string, sent: Sent): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const given = { authorization: `Bearer ${adminKey}`, "content-type": "application/json", ...sent.headers }
    const headers = Object.fromEntries(Object.entries(given).filter((entry) => entry[1] !== undefined))
    const outgoing = request(`${url}${path}`, { method: sent.method ?? "GET", headers, agent: false }, (incoming) => {
      const chunks: Array<Buffer> = []
      incoming.on("data", (chunk: Buffer) => chunks.push(chunk))
      incoming.on("error", reject)
      incoming.on("end", () => {
        const text = Buffer.concat(chunks).toString()
        const json = /json/.test(incoming.headers["content-type"] ?? "") && text !== "" ? JSON.parse(text) : undefined
        resolve({ status: incoming.statusCode ?? 0, headers: incoming.headers, text, json })
      })
    })
    outgoing.on("error", reject)
    const { body } = sent
    if (body === undefined) outgoing.end()
    else outgoing.end(typeof body === "string" || body instanceof Uint8Array ? body : JSON.stringify(body))
  })
