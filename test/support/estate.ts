/**
 * Customers whose integrations have something to tell: destinations that are well, one that was down yesterday, one that is down now, one
 * that refuses some, one that is paused, and a plan whose events are nearly used up. For the tests of the dashboard and its pictures.
 */
import { generateSecretKey } from "../../src/secrets/keyring.ts"
import { startNats, type TestNats } from "./nats.ts"
import { answer, startReceiver, type Behaviour, type Receiver } from "./receiver.ts"
import { adminKey, startRuntime, type TestRuntime } from "./runtime.ts"

/** Keys of the config, by whom they are for. */
export const keys = {
  admin: adminKey,
  acme: "msh_acme_support_0123456789abcd",
  looker: "msh_acme_looker_0123456789abcd",
  globex: "msh_globex_support_0123456789ab",
} as const

export const member = "ada@acme.example"

export interface Estate {
  readonly nats: TestNats
  readonly runtime: TestRuntime
  readonly origin: string
  readonly receiver: Receiver
  /** From now on a connection's destination answers so. */
  readonly answers: (connection: string, behaviour: Behaviour) => void
  /** As an admin: the answer's body, or an error with what was answered. */
  readonly ask: (method: string, path: string, body?: unknown) => Promise<any>
  readonly publish: (events: ReadonlyArray<object>) => Promise<void>
  /** What was asked for, once it is as wanted. */
  readonly until: (path: string, wanted: (body: any) => boolean) => Promise<any>
  readonly [Symbol.asyncDispose]: () => Promise<void>
}

const configFor = (at: string): string => `
const more = (name, rest = {}) => ({ allowPrivateNetwork: true, retry: { attempts: 2, initial: "50 milli", factor: 1, jitter: 0 }, circuit: false, ...rest })
const to = (name, rest) => http({ url: "${at}/" + name, ...more(name, rest) })
const globex = {
  account: "globex",
  connections: { warehouse: to("warehouse") },
  rules: { orders: { on: "order.*", actions: [{ connection: "warehouse" }] } },
}
export default defineConfig({
  plans: { starter: { eventsPerMonth: 720, connections: 10, rulesPerWorkspace: 10, members: 3, workspaces: 3 } },
  accounts: { acme: { plan: "starter", members: [{ email: "${member}", role: "admin" }] }, globex: {} },
  keys: {
    acme: { key: secret("ACME_KEY"), scopes: ["read", "payload:read", "operate"], workspaces: ["acme"] },
    looker: { key: secret("LOOKER_KEY"), scopes: ["read"], workspaces: ["acme"] },
    globex: { key: secret("GLOBEX_KEY"), scopes: ["read", "operate"], workspaces: ["globex"] },
  },
  eventTypes: {
    "lead.created": { description: "A lead signed up" },
    "lead.changed": { description: "What is known of a lead has changed" },
    "invoice.paid": { description: "An invoice was paid" },
    "invoice.failed": { description: "A payment was refused" },
    "order.placed": { description: "An order was placed" },
    "page.viewed": { description: "Somebody looked at a page" },
  },
  workspaces: {
    acme: {
      account: "acme",
      tags: ["pro"],
      connections: {
        crm: hubspot({ token: secret("CRM_TOKEN"), baseUrl: "${at}/crm", batch: { wait: "200 milli" },
          ...more("crm", { ordering: { key: "payload.email" } }) }),
        erp: to("erp", { auth: { type: "bearer", token: secret("ERP_TOKEN") } }),
        mail: to("mail"),
        chat: webhook({ url: "${at}/chat", ...more("chat") }),
        billing: to("billing", { retry: { attempts: 20, initial: "1 hour", factor: 1, jitter: 0 }, circuit: { failures: 3, wait: "1 hour", maxWait: "1 hour" } }),
        archive: to("archive", { retry: { attempts: 20, initial: "1 hour", factor: 1, jitter: 0 } }),
      },
      rules: {
        "new-lead": { on: ["lead.created", "lead.changed"], actions: [
          { connection: "crm", action: "contact.upsert", map: { email: "payload.email", "properties.plan": "payload.plan" } } ] },
        "welcome": { on: "lead.created", when: { expression: "payload.plan = 'pro'" }, actions: [
          { connection: "mail", map: { body: { to: "payload.email", subject: "'Welcome, ' & payload.name" } } }, { connection: "chat" } ] },
        "invoices": { on: "invoice.*", actions: [{ connection: "erp" }] },
        "large-invoice": { on: "invoice.paid", when: { expression: "payload.amount > 1000" }, actions: [{ connection: "billing" }] },
        "views": { on: "page.viewed", when: { resource: "page" }, actions: [{ connection: "archive" }] },
      },
    },
    "acme-staging": { account: "acme", connections: {}, rules: {} },
    globex,
  },
} as any)`

/** HubSpot, as far as upserts of contacts go. */
const crmAnswers: Behaviour = ({ request, response }) => {
  const { inputs } = JSON.parse(request.body.toString()) as { readonly inputs: ReadonlyArray<{ readonly id: string }> }
  const results = inputs.map(({ id }) => ({ id, properties: { email: id } }))
  response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify({ status: "COMPLETE", results }))
}

const json = (status: number, body: object): Behaviour =>
  answer(status, { "content-type": "application/json" }, JSON.stringify(body))

export const fine = json(200, { ok: true })
export const down = json(503, { error: "unavailable", message: "The ERP is being upgraded until 06:00 UTC" })
export const refused = json(422, { error: "invalid_recipient", message: "The address is on the suppression list" })

export const startEstate = async (): Promise<Estate> => {
  const nats = await startNats()
  const behaviours = new Map<string, Behaviour>([["crm", crmAnswers]])
  const receiver = await startReceiver({
    choose: ({ path }) => behaviours.get(/^\/([^/?]+)/.exec(path)?.[1] ?? "") ?? fine,
  })
  const runtime = await startRuntime({
    natsUrl: nats.url,
    config: configFor(receiver.url),
    env: {
      MESHES_LOG_LEVEL: "error",
      MESHES_SECRET_KEYS: generateSecretKey(),
      ACME_KEY: keys.acme,
      LOOKER_KEY: keys.looker,
      GLOBEX_KEY: keys.globex,
      CRM_TOKEN: "crm-token-0123456789",
      ERP_TOKEN: "erp-token-0123456789",
    },
  })
  const ask = async (method: string, path: string, body?: unknown) => {
    const response = await fetch(`${runtime.http()}/api/v1/${path}`, {
      method,
      headers: { authorization: `Bearer ${adminKey}`, "content-type": "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    const text = await response.text()
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`)
    return text === "" ? undefined : JSON.parse(text)
  }
  return {
    nats,
    runtime,
    origin: runtime.http(),
    receiver,
    answers: (connection, behaviour) => void behaviours.set(connection, behaviour),
    ask,
    publish: async (events) => void (await ask("POST", "events/bulk", events)),
    until: async (path, wanted) => {
      for (;;) {
        const body = await ask("GET", path)
        if (wanted(body)) return body
        await new Promise((next) => setTimeout(next, 50))
      }
    },
    [Symbol.asyncDispose]: async () => {
      await runtime[Symbol.asyncDispose]()
      await receiver[Symbol.asyncDispose]()
      await nats.stop()
    },
  }
}
