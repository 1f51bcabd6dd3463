import { expect, test } from "vitest"
import { completeRequest } from "../../src/model/complete.ts"
import { trialFor } from "../../test/conformance/trial.ts"
import { cases } from "./cases.ts"
import { intercom } from "./index.ts"

const { vendor, trial } = trialFor(cases)

const nobody = { status: 200, body: { type: "list", data: [], total_count: 0 } }
const fine = { status: 200, body: { type: "contact", id: "abc123" } }
const conflict = (message: string) => ({
  status: 409,
  body: { type: "error.list", errors: [{ code: "conflict", message }] },
})
const upsert = async () => (await trial.attempt("contact.upsert", [{ external_id: "u_1", name: "Ada" }])).outcomes[0]!
const calls = () => vendor.arrived.map(({ method, path }) => `${method} ${path}`)

test("a contact that is nowhere is made, as a user", async () => {
  vendor.script([nobody, fine])
  expect(await upsert()).toMatchObject({ kind: "delivered" })
  expect(calls()).toEqual(["POST /contacts/search", "POST /contacts"])
  expect(JSON.parse(vendor.arrived[1]!.body)).toEqual({ role: "user", external_id: "u_1", name: "Ada" })
})

test("a contact that the search does not show yet is changed by the id that the conflict names", async () => {
  vendor.script([nobody, conflict("A contact matching those details already exists with id=abc123"), fine])
  expect(await upsert()).toMatchObject({ kind: "delivered" })
  expect(calls()).toEqual(["POST /contacts/search", "POST /contacts", "PUT /contacts/abc123"])
})

test("an archived contact is brought back, then changed", async () => {
  vendor.script([nobody, conflict("An archived contact matching those details already exists with id=abc123"), fine])
  expect(await upsert()).toMatchObject({ kind: "delivered" })
  expect(calls().slice(2)).toEqual(["POST /contacts/abc123/unarchive", "PUT /contacts/abc123"])
})

test("a conflict that names nobody is tried again", async () => {
  vendor.script([nobody, conflict("conflict")])
  const outcome = await upsert()
  expect(outcome).toMatchObject({ kind: "server_error", status: 409 })
})

test("a contact with the address and an external id of its own is somebody else", async () => {
  const other = {
    status: 200,
    body: { data: [{ id: "other", role: "user", external_id: "u_9", email: "ada@example.com" }] },
  }
  vendor.script([other, fine])
  await trial.attempt("contact.upsert", [{ external_id: "u_1", email: "ada@example.com" }])
  expect(calls()).toEqual(["POST /contacts/search", "POST /contacts"])
})

test("what is not there to be removed is removed", async () => {
  const found = { status: 200, body: { data: [{ id: "abc123" }] } }
  vendor.script([found, { status: 200, body: { data: [] } }])
  const { outcomes } = await trial.attempt("tag.remove", [{ external_id: "u_1", tag: "vip" }])
  expect(outcomes[0]).toMatchObject({ kind: "delivered", message: "there is no such tag" })
  vendor.script([found, { status: 200, body: { data: [{ id: "1", name: "vip" }] } }, { status: 404, body: {} }])
  const again = await trial.attempt("tag.remove", [{ external_id: "u_1", tag: "vip" }])
  expect(again.outcomes[0]).toMatchObject({ kind: "delivered", message: "the contact does not have the tag" })
})

test("requests go to the region of the workspace", () => {
  const { connector } = intercom({})
  const urlOf = (settings: object) => completeRequest({ method: "GET", path: "/me" }, { connector, settings }).url
  expect(urlOf({ token: "t" })).toBe("https://api.intercom.io/me")
  expect(urlOf({ token: "t", region: "eu" })).toBe("https://api.eu.intercom.io/me")
})
