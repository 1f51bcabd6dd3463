/**
 * Makes an attempt over a connector as the runtime does, with a config that is checked, real HTTP, and a vendor that answers as a case says.
 */
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Scope from "effect/Scope"
import { afterAll, beforeAll } from "vitest"
import { checkConfig } from "../../src/config/check.ts"
import type { ConnectionPlan, Plan } from "../../src/config/plan.ts"
import { resolveSecrets } from "../../src/config/secrets.ts"
import { makeAttempt, type Sending } from "../../src/deliver/attempt.ts"
import type { Attempted } from "../../src/deliver/batch.ts"
import { makeExchange, type Exchange } from "../../src/deliver/exchange.ts"
import { makeHttpSender } from "../../src/deliver/http.ts"
import type { Connection, Token } from "../../src/index.ts"
import { formatPath } from "../../src/model/errors.ts"
import { compiler } from "../../src/transform/compiler.ts"
import type { ConnectorCases, Reply } from "./cases.ts"

export interface Arrived {
  readonly method: string
  readonly path: string
  readonly headers: { readonly [name: string]: unknown }
  readonly body: string
}

export interface Vendor {
  readonly url: string
  /** Requests since the last script. */
  readonly arrived: ReadonlyArray<Arrived>
  /** What it answers from now on, the last for all that come after; `undefined`: nothing, ever. */
  readonly script: (replies: ReadonlyArray<Reply | ((request: Arrived) => Reply) | undefined>) => void
  readonly close: () => Promise<void>
}

const transport = new Set(["host", "connection", "content-length", "user-agent"])

export const startVendor = async (): Promise<Vendor> => {
  let arrived: Array<Arrived> = []
  let replies: ReadonlyArray<Reply | ((request: Arrived) => Reply) | undefined> = []
  const server = createServer((request, response) => {
    const chunks: Array<Buffer> = []
    request.on("data", (chunk: Buffer) => chunks.push(chunk))
    request.on("end", () => {
      const headers = Object.fromEntries(Object.entries(request.headers).filter(([name]) => !transport.has(name)))
      const one = { method: request.method!, path: request.url!, headers, body: Buffer.concat(chunks).toString() }
      arrived.push(one)
      const said = replies[Math.min(arrived.length, replies.length) - 1]
      if (said === undefined) return
      const { status, headers: more = {}, body } = typeof said === "function" ? said(one) : said
      const json = body !== undefined && typeof body !== "string"
      response.writeHead(status, { ...(json ? { "content-type": "application/json" } : {}), ...more })
      response.end(json ? JSON.stringify(body) : body)
    })
  })
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get arrived() {
      return arrived
    },
    script: (next) => {
      arrived = []
      replies = next
    },
    close: async () => {
      server.closeAllConnections()
      await new Promise((closed) => server.close(closed))
    },
  }
}

/** The rule of an action: with a mapping that takes the input out of the payload, or without one. */
const ruleOf = (action: string, mapped: boolean): string => `${action.replaceAll(".", "-")}${mapped ? "" : "-unmapped"}`

/** A config with one connection and rules for each of its actions. */
export const planFor = (connection: Connection): Result.Result<Plan, ReadonlyArray<string>> => {
  const withTimeout = {
    ...connection,
    options: { timeout: "2 seconds", allowPrivateNetwork: true, ...connection.options },
  }
  const rules = Object.fromEntries(
    Object.entries(connection.connector.actions).flatMap(([action, { map }]) => {
      const to = { connection: "c", action }
      const mapped = [ruleOf(action, true), { on: "x", actions: [{ ...to, map: "payload.input" }] }]
      return map === "optional" ? [mapped, [ruleOf(action, false), { on: "x", actions: [to] }]] : [mapped]
    }),
  )
  return Result.mapError(
    checkConfig({ workspaces: { acme: { connections: { c: withTimeout }, rules } } }, compiler),
    (issues) => issues.map(({ path, message }) => `${formatPath(path)}: ${message}`),
  )
}

export interface Trial {
  readonly attempt: (action: string, inputs: ReadonlyArray<unknown>, timeoutMs?: number) => Promise<Attempted>
  readonly exchange: Exchange
  readonly connection: ConnectionPlan
  readonly settings: unknown
  readonly close: () => Promise<void>
}

/** Of secrets that may be addresses: their values when requests go to `at`. */
export const valuesAt = (secrets: ConnectorCases["secrets"], at: string): { readonly [name: string]: string } =>
  typeof secrets === "function" ? secrets(at) : secrets

export const makeTrial = async (
  given: Connection,
  secrets: { readonly [name: string]: string },
  token?: Token,
): Promise<Trial> => {
  const plan = Result.getOrThrowWith(planFor(given), (issues) => new Error(issues.join("\n")))
  const connection = plan.workspaces.get("acme")!.connections.get("c")!
  const settings = Result.getOrThrowWith(
    resolveSecrets(connection.settings, secrets),
    (missing) => new Error(missing.map(({ message }) => message).join("\n")),
  )
  const scope = Scope.makeUnsafe()
  const sender = await Effect.runPromise(Scope.provide(makeHttpSender(), scope))
  const without = (message: string) => Result.fail({ kind: "auth_failed" as const, message })
  const exchange = makeExchange(sender, {
    token: () => Effect.succeed(token === undefined ? without("no token") : Result.succeed(token)),
    renew: () => Effect.succeed(without("the token was refused")),
  })
  let bound: number | undefined
  const attempt = makeAttempt({
    plan: () => plan,
    settings: () => Result.succeed(settings),
    exchange: (options) =>
      exchange(bound === undefined ? options : { ...options, connection: { ...options.connection, timeoutMs: bound } }),
    host: { nats: () => Effect.succeed({ kind: "delivered", message: "stored" }), print: () => Effect.void },
    event: async () => undefined,
  })
  return {
    exchange,
    connection,
    settings,
    attempt: (action, inputs, timeoutMs) => {
      bound = timeoutMs
      return Effect.runPromise(attempt(inputs.map((input, i) => sendingOf(action, input, i + 1))))
    },
    close: () => Effect.runPromise(Scope.close(scope, { _tag: "Success", value: undefined } as never)),
  }
}

/** Everything about a delivery that a request may hold is fixed. */
export const sendingOf = (action: string, input: unknown, number: number): Sending => ({
  delivery: {
    id: `dlv_${number}`,
    event: `evt_${number}`,
    type: "lead.created",
    workspace: "acme",
    rule: ruleOf(action, input !== undefined),
    action: 0,
    connection: "c",
    revision: "0",
    created: 0,
    state: "pending",
    attempt: 0,
  },
  event: Buffer.from(
    JSON.stringify({
      id: `evt_${number}`,
      type: "lead.created",
      workspace: "acme",
      time: "2026-01-31T09:30:00.000Z",
      payload: { ...(input === undefined ? {} : { input }) },
    }),
  ),
})

/** A vendor and a connection to it for all tests of a file, there while they run. */
export const trialFor = (cases: ConnectorCases): { readonly vendor: Vendor; readonly trial: Trial } => {
  let vendor: Vendor
  let trial: Trial
  beforeAll(async () => {
    vendor = await startVendor()
    trial = await makeTrial(cases.connection(vendor.url), valuesAt(cases.secrets, vendor.url), cases.token)
  })
  afterAll(async () => {
    await trial.close()
    await vendor.close()
  })
  return {
    vendor: {
      get url() {
        return vendor.url
      },
      get arrived() {
        return vendor.arrived
      },
      script: (replies) => vendor.script(replies),
      close: () => vendor.close(),
    },
    trial: {
      get exchange() {
        return trial.exchange
      },
      get connection() {
        return trial.connection
      },
      get settings() {
        return trial.settings
      },
      attempt: (...all) => trial.attempt(...all),
      close: () => trial.close(),
    },
  }
}
