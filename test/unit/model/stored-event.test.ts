/** What is in the log, read back as events: every form a publisher may have used. */
import { assert, it } from "@effect/vitest"
import { Result } from "effect"
import { describe } from "vitest"
import { limits } from "../../../src/config/defaults.ts"
import { parseEvent } from "../../../src/model/envelope.ts"
import { encodeEvent } from "../../../src/model/event.ts"
import { timeOfId } from "../../../src/model/ids.ts"
import { decodeStored, type StoredInput } from "../../../src/model/stored-event.ts"

const time = Date.UTC(2026, 0, 31, 9, 30)

const message = (
  body: unknown,
  headers: { readonly [name: string]: string } = {},
  rest: Partial<StoredInput> = {},
): StoredInput => ({
  subjectWorkspace: "acme",
  subjectType: "order.paid",
  // As the client does: an exact name, an empty text for none.
  headers: (name) => headers[name] ?? "",
  data: body instanceof Uint8Array ? body : Buffer.from(typeof body === "string" ? body : JSON.stringify(body)),
  seq: 7,
  time,
  ...rest,
})

const decode = (input: StoredInput) => decodeStored(input, limits)
const read = (input: StoredInput) => Result.getOrThrow(decode(input))
const reason = (input: StoredInput) => {
  const decoded = decode(input)
  assert.isTrue(Result.isFailure(decoded))
  return Result.isFailure(decoded) ? decoded.failure : ""
}

const event = { id: "e1", type: "order.paid", workspace: "acme", time: "2026-01-31T09:00:00Z", payload: { amount: 12 } }
const whole = { "Meshes-Envelope": "1" }

describe("an event in the log", () => {
  it("that we stored ourselves passes on byte by byte", () => {
    const data = encodeEvent({ ...event, resource: "page", source: "s" })
    const { canonical, envelope, event: decoded } = read(message(data, { ...whole, "Nats-Msg-Id": "acme/e1" }))
    assert.isTrue(canonical)
    assert.strictEqual(envelope, data)
    assert.deepStrictEqual(decoded, { ...event, resource: "page", source: "s" })
  })

  it("that is a plain payload gets the rest from subject and headers", () => {
    const headers = {
      "Nats-Msg-Id": "order-7",
      "Meshes-Resource": "order",
      "Meshes-Resource-Id": "7",
      "Meshes-Time": "2026-01-01T00:00:00Z",
    }
    const { canonical, envelope, event: decoded } = read(message({ amount: 12 }, headers))
    assert.isFalse(canonical)
    assert.deepStrictEqual(decoded, {
      id: "order-7",
      type: "order.paid",
      workspace: "acme",
      resource: "order",
      resource_id: "7",
      time: "2026-01-01T00:00:00Z",
      payload: { amount: 12 },
    })
    assert.deepStrictEqual(Buffer.from(envelope).toString(), Buffer.from(encodeEvent(decoded)).toString())
  })

  it("without an id gets the same one at every reading, and another one than its neighbours", () => {
    const id = (rest: Partial<StoredInput> = {}) => read(message({}, {}, rest)).event.id
    assert.strictEqual(id(), id())
    assert.notStrictEqual(id(), id({ seq: 8 }))
    assert.strictEqual(timeOfId(id()), time)
    assert.strictEqual(read(message({})).event.time, "2026-01-31T09:30:00.000Z")
    // An id that cannot be one is not one.
    assert.strictEqual(read(message({}, { "Nats-Msg-Id": "a b" })).event.id, id())
  })

  it("that is an envelope with gaps has them filled", () => {
    const { canonical, event: decoded } = read(
      message({ event: "order.paid", payload: {} }, { ...whole, "Nats-Msg-Id": "m" }),
    )
    assert.isFalse(canonical)
    assert.deepStrictEqual(decoded, {
      id: "m",
      type: "order.paid",
      workspace: "acme",
      time: "2026-01-31T09:30:00.000Z",
      payload: {},
    })
    const own = read(message({ resource: "own", payload: {} }, { ...whole, "Meshes-Resource": "other" }))
    assert.strictEqual(own.event.resource, "own")
  })

  it("that is a CloudEvent is read in both modes", () => {
    const expected = {
      id: "42",
      type: "order.paid",
      workspace: "acme",
      resource: "order",
      resource_id: "7",
      time: "2026-01-31T09:00:00Z",
      source: "/sh op",
      payload: { amount: 12 },
    }
    const attributes = {
      specversion: "1.0",
      id: "42",
      type: "order.paid",
      subject: "order/7",
      time: "2026-01-31T09:00:00Z",
    }
    const structured = message(
      { ...attributes, source: "/sh op", data: { amount: 12 } },
      { "content-type": "application/cloudevents+json" },
    )
    assert.deepStrictEqual(read(structured).event, expected)
    const inBase64 = { ...attributes, source: "/sh op", data_base64: Buffer.from('{"amount":12}').toString("base64") }
    assert.deepStrictEqual(read(message(inBase64, { "Content-Type": "application/cloudevents+json" })).event, expected)
    const headers = Object.fromEntries(Object.entries(attributes).map(([name, value]) => [`ce-${name}`, value]))
    const binary = { ...headers, "ce-source": "/sh%20op", "ce-datacontenttype": "application/json" }
    assert.deepStrictEqual(read(message({ amount: 12 }, binary)).event, expected)
  })

  it("is refused with the reason when it cannot be read", () => {
    const cases: ReadonlyArray<[StoredInput, RegExp]> = [
      [message(""), /empty/],
      [message("{nope"), /not JSON/],
      [message("[1]"), /payload is an array/],
      [message(Buffer.from([0x7b, 0xff, 0x7d])), /UTF-8/],
      [message({ a: "x".repeat(limits.eventBytes) }), /at most 524288/],
      [message(`{"a":${"[".repeat(1e5)}${"]".repeat(1e5)}}`), /deeper than 64/],
      [message({ ...event, workspace: "globex" }, whole), /workspace "globex".*"acme"/],
      [message({ ...event, type: "order.other" }, whole), /type "order.other".*"order.paid"/],
      [message({ ...event, extra: 1 }, whole), /extra is no field/],
      [message({ ...event, id: 5, time: "now" }, whole), /id 5.*; time "now"/],
      [message({}, { "Meshes-Envelope": "yes" }), /Meshes-Envelope/],
      [message({}, { "Meshes-Time": "yesterday" }), /time "yesterday"/],
      [message({}, {}, { subjectWorkspace: "ACME" }), /subject's workspace/],
      [message({}, {}, { subjectType: "a..b" }), /subject's type/],
      [message([], { "content-type": "application/cloudevents-batch+json" }), /one CloudEvent/],
      [
        message("x", { "ce-specversion": "1.0", "ce-id": "1", "ce-source": "s", "ce-type": "order.paid" }),
        /data is not JSON/,
      ],
    ]
    for (const [input, expected] of cases) assert.match(reason(input), expected)
  })

  it("is canonical exactly when reading it anew would give the same event", () => {
    const variants: ReadonlyArray<{ readonly [field: string]: unknown }> = [
      {},
      { id: undefined },
      { id: "" },
      { id: "a b" },
      { type: undefined, event: "order.paid" },
      { event: "order.paid" },
      { time: undefined },
      { time: "2026-02-29T00:00:00Z" },
      { time: "2028-02-29T23:59:59.123+01:00" },
      { time: "2026-01-31 09:00:00Z" },
      { resource: "" },
      { resource: null },
      { resource_id: "x".repeat(65) },
      { source: "" },
      { payload: null },
      { payload: { deep: { er: [] } } },
      { unknown: 1 },
    ]
    for (const variant of variants) {
      const value = { ...event, ...variant }
      const decoded = decode(message(value, whole))
      const parsed = parseEvent(JSON.parse(JSON.stringify(value)), { now: time, workspace: "acme" }, limits)
      const complete = Result.isSuccess(parsed) && "id" in value && value.id !== undefined && value.time !== undefined
      const expected = complete && !("event" in variant)
      assert.strictEqual(Result.isSuccess(decoded) && decoded.success.canonical, expected, JSON.stringify(variant))
    }
  })
})
