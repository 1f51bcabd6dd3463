import { expect, test } from "vitest"
import { completeRequest } from "../../src/model/complete.ts"
import { trialFor } from "../../test/conformance/trial.ts"
import { cases } from "./cases.ts"
import { pipedrive } from "./index.ts"

const { vendor, trial } = trialFor(cases)

const none = { status: 200, body: { success: true, data: { items: [] } } }
const made = { status: 201, body: { success: true, data: { id: 7 } } }
const lastBody = () => JSON.parse(vendor.arrived.at(-1)!.body) as unknown

test("a person who is not there is made with the address, and with it for a name when there is none", async () => {
  vendor.script([none, made])
  await trial.attempt("person.upsert", [{ email: "ada@example.com" }])
  expect(vendor.arrived.map(({ method, path }) => `${method} ${path.split("?")[0]}`)).toEqual([
    "GET /api/v2/persons/search",
    "POST /api/v2/persons",
  ])
  expect(lastBody()).toEqual({
    name: "ada@example.com",
    emails: [{ value: "ada@example.com", primary: true, label: "work" }],
  })
})

test("an organization that is not there is made", async () => {
  vendor.script([none, made])
  await trial.attempt("organization.upsert", [{ name: "Acme" }])
  expect(vendor.arrived.at(-1)).toMatchObject({ method: "POST", path: "/api/v2/organizations" })
  expect(lastBody()).toEqual({ name: "Acme" })
})

test("nothing is sent while the window's or the day's allowance is used up", async () => {
  const allowances: ReadonlyArray<{ readonly [name: string]: string }> = [
    { "x-ratelimit-remaining": "0", "x-ratelimit-reset": "2" },
    { "x-ratelimit-remaining": "9", "x-ratelimit-reset": "2", "x-daily-ratelimit-token-remaining": "0" },
    { "x-ratelimit-remaining": "9", "x-ratelimit-reset": "2", "x-daily-ratelimit-token-remaining": "50" },
  ]
  const held: Array<number | undefined> = []
  for (const headers of allowances) {
    vendor.script([{ ...made, headers }])
    const { outcomes } = await trial.attempt("deal.update", [{ id: 42, status: "won" }])
    held.push(outcomes[0]!.holdMs)
  }
  expect(held).toEqual([2000, 3_600_000, undefined])
})

test("requests of an app go to the company's own domain", () => {
  const { connector } = pipedrive({})
  const urlOf = (kept: { readonly [field: string]: string }) =>
    completeRequest(
      { method: "GET", path: "/api/v1/users/me" },
      { connector, settings: { auth: {} }, token: { accessToken: "t", kept } },
    ).url
  expect(urlOf({ api_domain: "https://acme.pipedrive.com" })).toBe("https://acme.pipedrive.com/api/v1/users/me")
  expect(urlOf({})).toBe("https://api.pipedrive.com/api/v1/users/me")
})
