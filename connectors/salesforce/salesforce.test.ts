import { expect, test } from "vitest"
import { authOf, completeRequest } from "../../src/model/complete.ts"
import { salesforce } from "./index.ts"

const { connector } = salesforce({ auth: "oauth" })
const get = { method: "GET", path: "/limits" } as const
const token = { accessToken: "t", kept: { instance_url: "https://acme.my.salesforce.com" } }

test("requests go to the org that the token names, in the version that the connection says", () => {
  const urlOf = (settings: object) => completeRequest(get, { connector, settings, token }).url
  expect(urlOf({ auth: {} })).toBe("https://acme.my.salesforce.com/services/data/v62.0/limits")
  expect(urlOf({ auth: {}, version: "v64.0" })).toBe("https://acme.my.salesforce.com/services/data/v64.0/limits")
})

test("an app acts as itself when the connection says so", () => {
  expect(authOf(connector, { auth: {} })).toMatchObject({ grant: "authorization_code" })
  expect(authOf(connector, { auth: { grant: "client_credentials" } })).toMatchObject({ grant: "client_credentials" })
})

test("the next page of a list is asked for below the same base", () => {
  const answer = { status: 200, headers: {}, body: "", json: { nextRecordsUrl: "/services/data/v62.0/query/01g-2000" } }
  const next = connector.lists!["campaigns"]!.next!(answer, {}, { method: "GET", path: "/query" })
  expect(next).toEqual({ method: "GET", path: "/query/01g-2000" })
})

test("nothing is sent while the calls of the org, or of the app, are used up", () => {
  const heldBy = (info: string) =>
    connector.outcome!({ status: 200, headers: { "sforce-limit-info": info }, body: "[]" }, 0).holdMs
  expect(heldBy("api-usage=18/15000")).toBeUndefined()
  expect(heldBy("api-usage=15001/15000")).toBe(900_000)
  expect(heldBy("api-usage=25/5000; per-app-api-usage=250/250(appName=meshes)")).toBe(900_000)
})
