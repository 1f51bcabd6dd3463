/**
 * Reading queries: what is meant is taken, all that is wrong is said at once, and no cursor is taken that was not given out.
 */
import * as Result from "effect/Result"
import { expect, test } from "vitest"
import { limits } from "../../../src/config/defaults.ts"
import { namePage, pageByName, positionCursor, positionPage } from "../../../src/ingest/pages.ts"
import { limitReader, noQuery, oneOfReader, readQuery, statusReader } from "../../../src/ingest/query.ts"
import { textReader, timeReader } from "../../../src/ingest/query.ts"
import { makeRandom, seedOf } from "../../support/random.ts"

const readers = {
  type: textReader,
  status: statusReader,
  outcome: oneOfReader(["delivered", "rejected"]),
  from: timeReader,
  to: timeReader,
  ...positionPage("events"),
}
const read = (query: string) => readQuery(`/api/v1/events${query}`, readers)
const issues = (query: string) => {
  const result = read(query)
  return Result.isFailure(result) ? [result.failure.status, ...result.failure.errors!.map(({ path }) => path)] : []
}

test("what is asked for is read", () => {
  expect(read("")).toEqual(Result.succeed({}))
  const query = "?type=order.paid&status=failed,retrying&outcome=rejected&from=2026-01-01T00:00:00Z&limit=200"
  expect(read(query)).toEqual(
    Result.succeed({
      type: "order.paid",
      status: ["failed", "retrying"],
      outcome: "rejected",
      from: Date.UTC(2026, 0, 1),
      limit: 200,
    }),
  )
})

test("a status is known by the machine's names too", () => {
  expect(read("?status=dead,delivered,failed")).toEqual(Result.succeed({ status: ["failed", "completed"] }))
})

test("an offset whose + was not escaped is understood", () => {
  expect(read("?from=2026-01-01T02:00:00+02:00")).toEqual(Result.succeed({ from: Date.UTC(2026, 0, 1) }))
})

test("all that is wrong is said at once, each with its path", () => {
  expect(issues("?typ=a&status=lost&outcome=no&from=yesterday&limit=0&cursor=x")).toEqual([
    400,
    ...["typ", "status", "outcome", "from", "limit", "cursor"].map((name) => `query.${name}`),
  ])
  const wrong = read("?typ=a")
  expect(Result.isFailure(wrong) && wrong.failure.message).toContain("did you mean type?")
  expect(issues("?type=a&type=b")).toEqual([400, "query.type"])
  expect(issues("?type=")).toEqual([400, "query.type"])
  expect(issues(`?type=${"x".repeat(limits.queryValueCharacters + 1)}`)).toEqual([400, "query.type"])
  expect(issues("?from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z")).toEqual([400, "query.to"])
  expect(Result.isFailure(readQuery("/x?a=1", noQuery))).toBe(true)
  // Names that every object has.
  expect(issues("?constructor=1")).toEqual([400, "query.constructor"])
  expect(issues("?__proto__=1")).toEqual([400, "query.__proto__"])
})

test("a page has at least one record and at most so many", () => {
  for (const text of ["0", "-1", "1.5", "1e2", "", " 5", String(limits.pageRecords + 1), "9".repeat(40)]) {
    expect(Result.isFailure(limitReader(text)), text).toBe(true)
  }
  expect(limitReader(String(limits.pageRecords))).toEqual(Result.succeed(limits.pageRecords))
})

test("a cursor comes back as it was given, and whatever else is sent is refused", () => {
  const random = makeRandom(seedOf("cursors"))
  const { cursor } = positionPage("events")
  for (let i = 0; i < 500; i++) {
    const position = [Math.floor(random() * 2 ** 45), Math.floor(random() * 2 ** 48)] as const
    const text = positionCursor("events", position)
    expect(cursor(text)).toEqual(Result.succeed([...position]))
    const at = Math.floor(random() * text.length)
    const changed = text.slice(0, at) + "!~ÄA "[i % 5] + text.slice(at + 1)
    expect(Result.isFailure(cursor(changed)), changed).toBe(true)
    // Of another list.
    expect(Result.isFailure(positionPage("deliveries").cursor(text))).toBe(true)
  }
  for (const text of ["", "ev", "ev_", "ev_1", "ev_1_2_3", "ev_01_2", "ev_zzzzzzzzzzz_1", "na_YQ"]) {
    expect(Result.isFailure(cursor(text)), text).toBe(true)
  }
})

test("a list by names is read whole, page by page, whatever comes and goes between them", () => {
  const names = ["b", "a", "d", "c", "f"]
  const first = pageByName(names, (name) => name, { limit: 2 })
  expect(first.records).toEqual(["a", "b"])
  const cursor = namePage.cursor(first.next!)
  expect(cursor).toEqual(Result.succeed("b"))
  const behind = { limit: 9, cursor: Result.getOrThrow(cursor) }
  expect(pageByName([...names.slice(1), "aa", "e"], (name) => name, behind)).toEqual({
    records: ["c", "d", "e", "f"],
    next: undefined,
  })
  for (const text of ["", "na_", "na_*", "na_YQ==", "YQ", "ev_1_2"]) {
    expect(Result.isFailure(namePage.cursor(text)), text).toBe(true)
  }
})
