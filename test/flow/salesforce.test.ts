/**
 * Salesforce over a real runtime: an app signs in as itself, its records go to the org that the token names, a session that ended is begun
 * again, and of a collection only what was not done is tried again.
 */
import { randomBytes } from "node:crypto"
import { createServer, type Server } from "node:http"
import type { AddressInfo } from "node:net"
import { join } from "node:path"
import { pathToFileURL } from "node:url"
import { afterAll, beforeAll, expect, test } from "vitest"
import { historyOnce } from "../support/history.ts"
import { startNats, type TestNats } from "../support/nats.ts"
import { adminKey, repository, startRuntime, type TestRuntime } from "../support/runtime.ts"

interface Call {
  readonly path: string
  readonly authorization: string
  readonly ids: ReadonlyArray<string>
}

let nats: TestNats
let runtime: TestRuntime
let vendor: Server
/** What was asked of the token address. */
const asked: Array<URLSearchParams> = []
const calls: Array<Call> = []
const locked = new Set(["u_2"])

/** Salesforce, as far as this goes: the first session ends at once, and a record is locked the first time. */
const startVendor = async (): Promise<Server> => {
  const server = createServer((request, response) => {
    const chunks: Array<Buffer> = []
    request.on("data", (chunk: Buffer) => chunks.push(chunk))
    request.on("end", () => {
      const body = Buffer.concat(chunks).toString()
      const answer = (status: number, json: unknown) => {
        response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(json))
      }
      if (request.url === "/services/oauth2/token") {
        asked.push(new URLSearchParams(body))
        return answer(200, {
          access_token: `session-${asked.length}`,
          instance_url: `http://${request.headers.host}/org`,
          token_type: "Bearer",
          issued_at: "1769851800000",
        })
      }
      const { records } = JSON.parse(body) as { readonly records: ReadonlyArray<{ readonly Acme_Id__c: string }> }
      const ids = records.map(({ Acme_Id__c }) => Acme_Id__c)
      const authorization = request.headers.authorization!
      calls.push({ path: request.url!, authorization, ids })
      if (authorization === "Bearer session-1") {
        return answer(401, [{ message: "Session expired or invalid", errorCode: "INVALID_SESSION_ID" }])
      }
      answer(
        200,
        ids.map((id) => {
          if (locked.delete(id))
            return { success: false, errors: [{ statusCode: "UNABLE_TO_LOCK_ROW", message: "locked" }] }
          if (id === "bad")
            return { success: false, errors: [{ statusCode: "REQUIRED_FIELD_MISSING", message: "LastName" }] }
          return { id: "003xx", success: true, created: true, errors: [] }
        }),
      )
    })
  })
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening))
  return server
}

beforeAll(async () => {
  nats = await startNats()
  vendor = await startVendor()
  const at = `http://127.0.0.1:${(vendor.address() as AddressInfo).port}`
  runtime = await startRuntime({
    natsUrl: nats.url,
    config: `
import { salesforce } from ${JSON.stringify(pathToFileURL(join(repository, "connectors/index.ts")).href)}
const auth = { grant: "client_credentials", clientId: "app", clientSecret: secret("SF_SECRET"), tokenUrl: "${at}/services/oauth2/token" }
export default defineConfig({
  eventTypes: { "lead.created": {} },
  workspaces: { acme: {
    connections: { crm: salesforce({ auth, allowPrivateNetwork: true, batch: { wait: "1 second" },
      retry: { attempts: 3, initial: "50 milli", factor: 1, jitter: 0 } }) },
    rules: { crm: { on: "lead.created", actions: [{ connection: "crm", action: "contact.upsert",
      map: { externalIdField: "'Acme_Id__c'", externalId: "payload.id", fields: "{ 'LastName': payload.name }" } }] } },
  } } } as any)`,
    env: {
      MESHES_LOG_LEVEL: "error",
      MESHES_SECRET_KEYS: randomBytes(32).toString("base64"),
      SF_SECRET: "secret-of-the-app",
    },
  })
})

afterAll(async () => {
  await runtime[Symbol.asyncDispose]()
  vendor.closeAllConnections()
  vendor.close()
  await nats.stop()
})

test("records go together to the org of the token; what was locked goes again, what was refused dies alone", async () => {
  const ids = ["u_1", "u_2", "bad", "u_3"]
  const response = await fetch(`${runtime.http()}/api/v1/events/bulk`, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${adminKey}` },
    body: JSON.stringify(
      ids.map((id) => ({ type: "lead.created", workspace: "acme", payload: { id, name: "Lovelace" } })),
    ),
  })
  expect(response.status).toBe(201)
  const attempts = (records: ReadonlyArray<any>) => records.filter(({ kind }) => kind === "delivery.attempted")
  const states = (records: ReadonlyArray<any>) =>
    attempts(records)
      .map(({ state }) => state as string)
      .filter((state) => state === "delivered" || state === "dead")
  const history = await historyOnce(nats.url, (records) => states(records).length === ids.length)
  expect(states(history).toSorted()).toEqual(["dead", "delivered", "delivered", "delivered"])
  expect(attempts(history).find(({ state }) => state === "dead")).toMatchObject({
    outcome: "rejected",
    message: "HTTP 200: REQUIRED_FIELD_MISSING: LastName",
  })

  expect(asked.map((form) => Object.fromEntries(form))).toEqual([
    { grant_type: "client_credentials", client_id: "app", client_secret: "secret-of-the-app" },
    { grant_type: "client_credentials", client_id: "app", client_secret: "secret-of-the-app" },
  ])
  expect(new Set(calls.map(({ path }) => path))).toEqual(
    new Set(["/org/services/data/v62.0/composite/sobjects/Contact/Acme_Id__c"]),
  )
  const done = calls.filter(({ authorization }) => authorization === "Bearer session-2").flatMap((call) => call.ids)
  expect(done.toSorted()).toEqual(["bad", "u_1", "u_2", "u_2", "u_3"])
})
