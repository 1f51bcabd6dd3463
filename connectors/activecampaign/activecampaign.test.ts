/**
 * What the cases cannot say of ActiveCampaign: the API's address, pages, and a tag that somebody else makes at the same moment.
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { expect, test } from "vitest"
import { listChoices } from "../../src/deliver/check.ts"
import { secret } from "../../src/index.ts"
import { completeRequest } from "../../src/model/complete.ts"
import { trialFor } from "../../test/conformance/trial.ts"
import { cases } from "./cases.ts"
import { activecampaign } from "./index.ts"

const { vendor, trial } = trialFor(cases)

test("the API's address is found whichever way the account's URL is written, and events go to their own host", () => {
  const { connector } = activecampaign({ apiUrl: "", apiKey: secret("A") })
  const urlOf = (apiUrl: string, base?: string) =>
    completeRequest(
      { method: "GET", path: "/x", ...(base === undefined ? {} : { base }) },
      { connector, settings: { apiUrl, apiKey: "key" } },
    ).url
  for (const apiUrl of ["https://a.api-us1.com", "https://a.api-us1.com/", "https://a.api-us1.com/api/3/"]) {
    expect(urlOf(apiUrl)).toBe("https://a.api-us1.com/api/3/x")
  }
  expect(urlOf("https://a.api-us1.com", "https://trackcmp.net")).toBe("https://trackcmp.net/x")
})

test("choices are read page by page", async () => {
  vendor.script([
    { status: 200, body: { lists: [{ id: "1", name: "One" }], meta: { total: "101" } } },
    { status: 200, body: { lists: [{ id: "2", name: "Two" }], meta: { total: "101" } } },
  ])
  const found = Result.getOrThrow(await Effect.runPromise(listChoices(trial, "lists")))
  expect(found.map(({ id }) => id)).toEqual(["1", "2"])
  expect(vendor.arrived.map(({ path }) => path)).toEqual(["/lists?limit=100&offset=0", "/lists?limit=100&offset=100"])
})

test("a tag that somebody else made at the same moment is found; a tag that cannot be made is a refusal", async () => {
  const input = { tag: "vip", email: "ada@example.com" }
  const contact = { status: 201, body: { contact: { id: "10" } } }
  const none = { status: 200, body: { tags: [] } }
  const refused = { status: 422, body: { errors: [{ title: "The tag is a duplicate.", code: "duplicate" }] } }
  const vip = { status: 200, body: { tags: [{ id: "20", tag: "VIP", tagType: "contact" }] } }

  vendor.script([contact, none, refused, vip, { status: 201, body: { contactTag: { id: "1" } } }])
  const found = await trial.attempt("tag.add", [input])
  expect(found.outcomes[0]).toMatchObject({ kind: "delivered" })
  expect(JSON.parse(vendor.arrived.at(-1)!.body)).toEqual({ contactTag: { contact: "10", tag: "20" } })

  vendor.script([contact, none, refused, none])
  const dead = await trial.attempt("tag.add", [input])
  expect(dead.outcomes[0]).toMatchObject({ kind: "rejected", message: "HTTP 422: The tag is a duplicate." })
})

test("a tag is found among many of a contact", async () => {
  const page = Array.from({ length: 100 }, (_, i) => ({ id: `${i}`, tag: `${1000 + i}` }))
  vendor.script([
    { status: 200, body: { contacts: [{ id: "10" }] } },
    { status: 200, body: { tags: [{ id: "20", tag: "vip", tagType: "contact" }] } },
    { status: 200, body: { contactTags: page } },
    { status: 200, body: { contactTags: [{ id: "7", tag: "20" }] } },
    { status: 404, body: { message: "No Result found for ContactTag with id 7" } },
  ])
  const { outcomes } = await trial.attempt("tag.remove", [{ tag: "vip", email: "ada@example.com" }])
  expect(outcomes[0]).toMatchObject({ kind: "delivered", message: expect.stringMatching(/nothing was left to do/) })
  expect(vendor.arrived.map(({ path }) => path).slice(2)).toEqual([
    "/contacts/10/contactTags?limit=100&offset=0",
    "/contacts/10/contactTags?limit=100&offset=100",
    "/contactTags/7",
  ])
})
