/** The rules of an event, at their edges. */
import { assert, it } from "@effect/vitest"
import { Result } from "effect"
import { describe } from "vitest"
import { limits } from "../../../src/config/defaults.ts"
import { isTime, parseEvent } from "../../../src/model/envelope.ts"
import { nearest } from "../../../src/model/nearest.ts"

const event = { type: "order.paid", workspace: "acme", payload: {} }
const now = Date.UTC(2026, 0, 31)

const paths = (value: unknown) => {
  const parsed = parseEvent(value, { now }, limits)
  return Result.isSuccess(parsed) ? [] : parsed.failure.issues.map((issue) => issue.path.join("."))
}

const nested = (levels: number): unknown => (levels === 0 ? 1 : { a: nested(levels - 1) })

describe("an event", () => {
  it("keeps to its patterns, to the character", () => {
    const right: ReadonlyArray<object> = [
      { type: "a" },
      { type: `${"a".repeat(63)}.${"b".repeat(64)}` },
      { type: "A-b_9.c" },
      { workspace: "0" },
      { workspace: `a${"_".repeat(62)}` },
      { id: "A.b_c:d-9" },
      { id: "x".repeat(128) },
      { resource: "a:b", resource_id: "x".repeat(64) },
      { source: "any text ✓" },
      { source: "x".repeat(1024) },
    ]
    for (const one of right) assert.deepStrictEqual(paths({ ...event, ...one }), [])
    const wrong: ReadonlyArray<readonly [string, unknown]> = [
      ["type", ""],
      ["type", "a..b"],
      ["type", ".a"],
      ["type", "a b"],
      ["type", "a.*"],
      ["type", "x".repeat(129)],
      ["type", "ä"],
      ["type", "a\n"],
      ["workspace", "-a"],
      ["workspace", "A"],
      ["workspace", "a".repeat(64)],
      ["workspace", null],
      ["id", ""],
      ["id", "a/b"],
      ["id", "x".repeat(129)],
      ["id", 5],
      ["resource", "a b"],
      ["resource_id", "x".repeat(65)],
      ["source", ""],
      ["source", "x".repeat(1025)],
      ["payload", []],
      ["payload", null],
      ["payload", "{}"],
    ]
    for (const [field, value] of wrong) assert.deepStrictEqual(paths({ ...event, [field]: value }), [field], `${value}`)
  })

  it("is nested no deeper than is taken", () => {
    assert.deepStrictEqual(paths({ ...event, payload: nested(limits.eventDepth) }), [])
    assert.deepStrictEqual(paths({ ...event, payload: nested(limits.eventDepth + 1) }), ["payload"])
    let arrays: unknown = []
    for (let level = 2; level < limits.eventDepth; level++) arrays = [arrays]
    assert.deepStrictEqual(paths({ ...event, payload: { arrays } }), [])
    assert.deepStrictEqual(paths({ ...event, payload: { arrays: [arrays] } }), ["payload"])
  })

  it("lists a bounded number of unknown fields", () => {
    const many = Object.fromEntries(Array.from({ length: 1000 }, (_, i) => [`field${i}`, 1]))
    assert.isBelow(paths({ ...event, ...many }).length, 30)
  })

  it("holds half of a surrogate pair without harm", () => {
    const parsed = Result.getOrThrow(
      parseEvent(JSON.parse('{"type":"a","workspace":"b","payload":{"x":"\\ud800"}}'), { now }, limits),
    )
    assert.deepStrictEqual(JSON.parse(Buffer.from(parsed.envelope).toString()), parsed.event)
  })

  it("has a time that exists", () => {
    const right = [
      "2026-01-31T00:00:00Z",
      "2028-02-29t23:59:59.999999999z",
      "2026-12-31T23:59:59-12:30",
      "0001-01-01T00:00:00Z",
    ]
    const wrong = [
      "2026-02-29T00:00:00Z",
      "2026-04-31T00:00:00Z",
      "2026-13-01T00:00:00Z",
      "2026-01-00T00:00:00Z",
      "2026-01-01T24:00:00Z",
    ]
    const malformed = [
      "2026-01-01",
      "2026-01-01T00:00:00",
      "2026-01-01T00:00Z",
      "2026-01-01T00:00:00.Z",
      "2026-01-01T00:00:00+0100",
      "",
      5,
    ]
    for (const time of right) assert.isTrue(isTime(time), time)
    for (const time of [...wrong, ...malformed]) assert.isFalse(isTime(time), `${time}`)
  })

  it("suggests the name that was meant, and none when nothing is near", () => {
    const names = ["type", "workspace", "payload", "resource_id"]
    assert.strictEqual(nearest("payloda", names), "payload")
    assert.strictEqual(nearest("Workspace", names), "workspace")
    assert.strictEqual(nearest("resourceId", names), "resource_id")
    assert.isUndefined(nearest("customer", names))
    assert.isUndefined(nearest("x".repeat(100_000), names))
  })
})
