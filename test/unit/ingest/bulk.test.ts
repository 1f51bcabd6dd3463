/** Many events in one request. */
import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { describe } from "vitest"
import { limits } from "../../../src/config/defaults.ts"
import { LogUnavailable } from "../../../src/model/errors.ts"
import { decode } from "./memory-log.ts"
import { key, serve } from "./served.ts"

const path = "/api/v1/events/bulk"
const event = { type: "order.paid", workspace: "acme", payload: { amount: 12 } }
const many = (count: number) => Array.from({ length: count }, (_, i) => ({ ...event, id: `e${i}` }))

describe("POST /api/v1/events/bulk", () => {
  it.live("stores an array in its order and answers each in its place", () =>
    Effect.gen(function* () {
      const server = yield* serve()
      const answer = yield* server.post(path, many(limits.bulkEvents))
      assert.strictEqual(answer.status, 201)
      assert.deepStrictEqual([answer.json.count, answer.json.error_count], [limits.bulkEvents, 0])
      const ids = many(limits.bulkEvents).map((one) => one.id)
      assert.deepStrictEqual(
        answer.json.records.map((one: any) => one.event.id),
        ids,
      )
      assert.deepStrictEqual(
        server.log.entries.map((one) => one.id),
        ids,
      )
    }),
  )

  it.live("answers 207 when some are refused, and stores the others", () =>
    Effect.gen(function* () {
      const server = yield* serve([key("acme", { workspaces: ["acme"] })])
      const body = [
        event,
        { ...event, payload: 5 },
        { ...event, workspace: "globex" },
        { ...event, type: "lead.created" },
        null,
        event,
      ]
      const answer = yield* server.post(path, body, { authorization: "Bearer acme-key" })
      assert.strictEqual(answer.status, 207)
      assert.deepStrictEqual([answer.json.count, answer.json.error_count], [6, 4])
      assert.deepStrictEqual(
        answer.json.records.map((one: any) => one.status ?? one.event.type),
        ["order.paid", 400, 403, 422, 400, "order.paid"],
      )
      assert.deepStrictEqual(answer.json.records[1].errors[0].path, "payload")
      assert.deepStrictEqual(answer.json.records[3].errors[0].path, "payload.email")
      assert.lengthOf(server.log.entries, 2)
    }),
  )

  it.live("answers the second of an id within one bulk, and of an earlier request, as a repeat", () =>
    Effect.gen(function* () {
      const server = yield* serve()
      const earlier = yield* server.post("/api/v1/events", { ...event, id: "before", type: "order.first" })
      const answer = yield* server.post(path, [
        { ...event, id: "a" },
        { ...event, id: "before" },
        { ...event, id: "a", type: "order.other" },
        { ...event, id: "a", workspace: "globex" },
      ])
      assert.strictEqual(answer.status, 201)
      const [first, before, second, elsewhere] = answer.json.records
      assert.isUndefined(first.duplicate)
      assert.deepStrictEqual(before, { event: earlier.json.event, duplicate: true })
      assert.deepStrictEqual(second, { ...first, duplicate: true })
      assert.isUndefined(elsewhere.duplicate)
      assert.lengthOf(server.log.entries, 3)
    }),
  )

  it.live("takes one event a line, and refuses a broken line alone", () =>
    Effect.gen(function* () {
      const server = yield* serve()
      const lines = `${JSON.stringify(event)}\n{"type": \n\n${JSON.stringify(event)}\r\n`
      for (const type of ["application/x-ndjson", "application/ndjson", "application/json"]) {
        const answer = yield* server.post(path, lines, { "content-type": type })
        assert.strictEqual(answer.status, 207)
        assert.deepStrictEqual(
          answer.json.records.map((one: any) => one.status),
          [undefined, 400, undefined],
        )
        assert.include(answer.json.records[1].message, "line 2, column 10")
      }
      const alone = yield* server.post(path, JSON.stringify(event, undefined, 2))
      assert.deepStrictEqual([alone.status, alone.json.count], [201, 1])
    }),
  )

  it.live("keeps a bulk that is sent again under its Idempotency-Key once", () =>
    Effect.gen(function* () {
      const server = yield* serve()
      const headers = { "idempotency-key": "import-1" }
      const first = yield* server.post(path, [event, event], headers)
      const again = yield* server.post(path, [event, event], headers)
      assert.lengthOf(server.log.entries, 2)
      const ids = (answer: typeof first) => answer.json.records.map((one: any) => one.event.id)
      assert.deepStrictEqual(ids(again), ids(first))
      assert.deepStrictEqual(
        again.json.records.map((one: any) => one.duplicate),
        [true, true],
      )
    }),
  )

  it.live("answers 503 when the log has none of them, and says which when it has some", () =>
    Effect.gen(function* () {
      const server = yield* serve()
      const away = new LogUnavailable({ operation: "append", reason: "away", stored: "no" })
      server.log.failure = () => away
      const none = yield* server.post(path, many(3))
      assert.strictEqual(none.status, 503)
      assert.include(none.json.message, "nothing was stored")
      server.log.failure = (entry) => (entry.id === "e1" ? away : undefined)
      const some = yield* server.post(path, many(3))
      assert.strictEqual(some.status, 207)
      assert.deepStrictEqual(
        some.json.records.map((one: any) => one.status),
        [undefined, 503, undefined],
      )
      assert.deepStrictEqual(
        server.log.entries.map((one) => one.id),
        ["e0", "e2"],
      )
    }),
  )

  it.live("refuses too many, too much, and what is no list", () =>
    Effect.gen(function* () {
      const server = yield* serve()
      const tooMany = yield* server.post(path, many(limits.bulkEvents + 1))
      assert.strictEqual(tooMany.status, 413)
      assert.include(tooMany.json.message, `at most ${limits.bulkEvents}`)
      const lines = many(limits.bulkEvents + 1)
        .map((one) => JSON.stringify(one))
        .join("\n")
      assert.strictEqual((yield* server.post(path, lines, { "content-type": "application/x-ndjson" })).status, 413)
      assert.strictEqual((yield* server.post(path, Buffer.alloc(limits.bulkBytes + 1, " "))).status, 413)
      assert.strictEqual((yield* server.post(path, '"text"')).status, 400)
      assert.strictEqual((yield* server.post(path, '[{"type":')).status, 400)
      const utf8 = yield* server.post(path, Buffer.from([0x7b, 0xff]), { "content-type": "application/x-ndjson" })
      assert.strictEqual(utf8.status, 400)
      assert.include(utf8.json.message, "UTF-8")
      assert.deepStrictEqual((yield* server.post(path, [])).json, { count: 0, error_count: 0, records: [] })
      assert.lengthOf(server.log.entries, 0)
    }),
  )
})

describe("CloudEvents over HTTP", () => {
  const cloud = {
    specversion: "1.0",
    id: "42",
    source: "/shop",
    type: "order.paid",
    workspace: "acme",
    subject: "order/7",
    time: "2026-01-31T09:30:00Z",
    data: { amount: 12 },
  }
  const stored = {
    id: "42",
    type: "order.paid",
    workspace: "acme",
    resource: "order",
    resource_id: "7",
    time: "2026-01-31T09:30:00Z",
    source: "/shop",
    payload: { amount: 12 },
  }

  it.live("are the same event in structured, binary and batched mode", () =>
    Effect.gen(function* () {
      for (const send of ["structured", "binary", "batched"] as const) {
        const server = yield* serve()
        const { data, ...attributes } = cloud
        const headers = Object.fromEntries(Object.entries(attributes).map(([name, value]) => [`ce-${name}`, value]))
        const answer =
          send === "structured"
            ? yield* server.post("/api/v1/events", cloud, {
                "content-type": "application/cloudevents+json; charset=UTF-8",
              })
            : send === "binary"
              ? yield* server.post("/api/v1/events", data, headers)
              : yield* server.post("/api/v1/events", [cloud], { "content-type": "application/cloudevents-batch+json" })
        assert.strictEqual(answer.status, 201)
        assert.deepStrictEqual(decode(server.log.entries[0]!), stored)
      }
    }),
  )

  it.live("of one id and two sources are two events, and each is known again", () =>
    Effect.gen(function* () {
      const server = yield* serve()
      const other = { ...cloud, source: "/billing" }
      const send = (one: unknown) =>
        server.post("/api/v1/events", one, { "content-type": "application/cloudevents+json" })
      const answers = [yield* send(cloud), yield* send(other), yield* send(cloud), yield* send(other)]
      assert.deepStrictEqual(
        answers.map((one) => one.status),
        [201, 201, 200, 200],
      )
      assert.strictEqual(answers[3]!.json.event.id, answers[1]!.json.event.id)
      const batch = yield* server.post(
        path,
        [{ ...cloud, id: "43" }, { ...other, id: "43" }, { ...other, id: "43" }, cloud, other],
        {
          "content-type": "application/cloudevents-batch+json",
        },
      )
      assert.deepStrictEqual(
        batch.json.records.map((one: any) => one.duplicate === true),
        [false, false, true, true, true],
      )
      assert.lengthOf(server.log.entries, 4)
    }),
  )

  it.live("that are wrong are told by their own attributes", () =>
    Effect.gen(function* () {
      const server = yield* serve()
      const answer = yield* server.post(
        "/api/v1/events",
        { specversion: "0.3", type: "order paid", source: "", subject: "a b/c", data: [1], workspace: "acme" },
        { "content-type": "application/cloudevents+json" },
      )
      assert.strictEqual(answer.status, 400)
      assert.sameMembers(
        answer.json.errors.map((one: any) => one.path),
        ["specversion", "id", "source", "type", "subject", "data"],
      )
      const binary = yield* server.post(path, {}, { "ce-specversion": "1.0" })
      assert.strictEqual(binary.status, 415)
      const xml = yield* server.post("/api/v1/events", "<a/>", { "content-type": "application/cloudevents+xml" })
      assert.strictEqual(xml.status, 415)
    }),
  )
})
