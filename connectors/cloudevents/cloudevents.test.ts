/** What is sent, read by the specification's own SDK and by our own intake. */
import { CloudEvent, HTTP } from "cloudevents"
import * as Result from "effect/Result"
import { expect, test } from "vitest"
import type { Event, HttpRequest } from "../../src/index.ts"
import { parseBinaryCloudEvent, parseCloudEvent } from "../../src/model/cloudevents.ts"
import { contextOf, event as plain, judged, requestOf } from "../../test/support/action.ts"
import { cloudevents } from "./index.ts"

const url = "https://broker.example/in"
const connection = cloudevents({ url })

const event: Event = {
  ...plain,
  resource: "lead",
  resource_id: "lead_1",
  source: "https://crm.example/leads?of=%C3%A9",
  payload: { name: "Zoë", nested: { list: [1, null, "€"] } },
}
const settings = { url, extensions: { tenant: "acme", level: 7, test: false, note: "Euro € 😀" } }

const expected = {
  specversion: "1.0",
  id: event.id,
  source: event.source,
  type: event.type,
  subject: "lead/lead_1",
  datacontenttype: "application/json",
  data: event.payload,
  tenant: "acme",
  note: "Euro € 😀",
}

const read = ({ headers, body }: HttpRequest) => HTTP.toEvent<unknown>({ headers, body: String(body) })
const sent = (mode: "structured" | "binary", about: Event = event) =>
  requestOf(connection, { ...settings, mode }, { event: about })

test("an event in structured mode is what the SDK reads", () => {
  const request = sent("structured")
  const cloudEvent = read(request) as CloudEvent<unknown>
  expect(HTTP.isEvent({ headers: request.headers, body: String(request.body) })).toBe(true)
  expect(cloudEvent.validate()).toBe(true)
  expect(cloudEvent).toMatchObject({ ...expected, level: 7, test: false })
  expect(Date.parse(cloudEvent.time!)).toBe(Date.parse(event.time))
})

test("an event in binary mode is what the SDK reads, with its escaped headers", () => {
  const request = sent("binary")
  expect(Object.values(request.headers).join("")).toMatch(/^[\u0021-\u007e]*$/)
  expect(request.headers).not.toHaveProperty("ce-datacontenttype")
  const cloudEvent = read(request) as CloudEvent<unknown>
  expect(cloudEvent.validate()).toBe(true)
  // The SDK leaves the escapes in texts as they came; the specification has receivers undo them.
  const undone = Object.fromEntries(
    Object.entries(cloudEvent.toJSON()).map(([name, value]) => [
      name,
      typeof value === "string" ? decodeURIComponent(value) : value,
    ]),
  )
  expect(undone).toMatchObject(expected)
})

test("a batch is what the SDK reads as several events", () => {
  const action = connection.connector.actions["batch.send"]!
  if (!("batch" in action)) throw new Error("no batch")
  const items = [1, 2, 3].map((n) => ({
    input: n === 2 ? { mapped: true } : undefined,
    context: { ...contextOf(settings, { id: `dlv_${n}` }), event: { ...event, id: `evt_${n}` } },
  }))
  const cloudEvents = read(action.batch.request(items) as HttpRequest) as Array<CloudEvent<unknown>>
  expect(cloudEvents.map(({ id, data }) => [id, data])).toEqual([
    ["evt_1", event.payload],
    ["evt_2", { mapped: true }],
    ["evt_3", event.payload],
  ])
  for (const one of cloudEvents) expect(one.validate()).toBe(true)
})

test("an event that comes back through our own intake is the event that was sent", () => {
  const limits = { eventBytes: 512 * 1024, eventDepth: 64 }
  const defaults = { workspace: "acme", now: Date.now() } as never
  const { headers, body } = sent("binary")
  const binary = parseBinaryCloudEvent(
    (name) => headers[name],
    headers["content-type"],
    Buffer.from(String(body)),
    defaults,
    limits,
  )
  const structured = parseCloudEvent(JSON.parse(String(sent("structured").body)), defaults, limits)
  for (const back of [binary, structured]) expect(Result.getOrThrow(back).event).toEqual(event)
})

test("the source is the connection's, or the event's own if it is a URI reference, or the workspace", () => {
  const sourceOf = (about: object, own: object) =>
    JSON.parse(String(requestOf(connection, { url, ...own }, { event: { ...event, ...about } }).body)).source
  expect(sourceOf({}, { source: "/billing" })).toBe("/billing")
  expect(sourceOf({}, {})).toBe(event.source)
  expect(sourceOf({ source: "the billing app" }, {})).toBe("/acme")
  expect(sourceOf({ source: undefined }, {})).toBe("/acme")
})

test("every attempt sends the same id, so that receivers drop a repeat", () => {
  const of = (attempt: number) => requestOf(connection, settings, { event, delivery: { attempt } }).body
  expect(of(2)).toBe(of(1))
})

test("a receiver that was retired will never take anything again", () => {
  expect(judged(connection, { status: 410, headers: {}, body: "" })).toMatchObject({ permanent: true, gone: true })
})

test("a receiver that does not know the question of abuse protection is there all the same", () => {
  const { outcome } = connection.connector.test!
  expect(outcome!({ status: 405, headers: {}, body: "" }, 0).kind).toBe("delivered")
  expect(outcome!({ status: 403, headers: {}, body: "" }, 0).kind).toBe("auth_failed")
})
