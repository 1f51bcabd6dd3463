/**
 * What the cases cannot say of Zoom: the API that comes with a token, pages, and whose meetings there are to choose from.
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { afterAll, beforeAll, expect, test } from "vitest"
import { listChoices } from "../../src/deliver/check.ts"
import { authOf, completeRequest } from "../../src/model/complete.ts"
import { makeTrial, startVendor, type Trial, type Vendor } from "../../test/conformance/trial.ts"
import { cases } from "./cases.ts"
import { zoom } from "./index.ts"

let vendor: Vendor
let trial: Trial

beforeAll(async () => {
  vendor = await startVendor()
  const connection = zoom({ auth: "oauth", user: "host@acme.dev", baseUrl: vendor.url })
  trial = await makeTrial(connection, cases.secrets as { readonly [name: string]: string }, cases.token)
})
afterAll(async () => {
  await trial.close()
  await vendor.close()
})

const { connector } = zoom({ auth: "oauth" })

test("requests go to the API that came with the token, else to Zoom's own", () => {
  const urlOf = (kept: { readonly [field: string]: string }) =>
    completeRequest(
      { method: "GET", path: "/users/me" },
      { connector, settings: { auth: "oauth" }, token: { accessToken: "t", kept } },
    ).url
  expect(urlOf({})).toBe("https://api.zoom.us/v2/users/me")
  expect(urlOf({ api_url: "https://api-eu.zoom.us" })).toBe("https://api-eu.zoom.us/v2/users/me")
})

test("a server-to-server app asks with Zoom's own word for it", () => {
  expect(authOf(connector, { auth: { grant: "client_credentials" } })).toMatchObject({
    tokenParams: { grant_type: "account_credentials" },
    clientAuth: "basic",
  })
})

test("the user's meetings are read page by page", async () => {
  vendor.script([
    { status: 200, body: { meetings: [{ id: 1, topic: "One" }], next_page_token: "p2" } },
    { status: 200, body: { meetings: [{ id: 2, topic: "Two" }], next_page_token: "" } },
  ])
  const found = Result.getOrThrow(await Effect.runPromise(listChoices(trial, "meetings")))
  expect(found.map(({ id }) => id)).toEqual(["1", "2"])
  expect(vendor.arrived.map(({ path }) => path)).toEqual([
    "/users/host%40acme.dev/meetings?type=upcoming&page_size=300",
    "/users/host%40acme.dev/meetings?type=upcoming&page_size=300&next_page_token=p2",
  ])
})
