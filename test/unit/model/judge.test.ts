/**
 * What is particular to a vendor's answers, on top of what HTTP says of them.
 */
import { expect, test } from "vitest"
import { makeJudge, untilUnix } from "../../../src/model/judge.ts"

const now = 1_700_000_000_000
const answer = (status: number, body: unknown = "", headers: { readonly [name: string]: string } = {}) => ({
  status,
  headers,
  body: typeof body === "string" ? body : JSON.stringify(body),
})

test("without rules an answer is what HTTP says of it", () => {
  const judge = makeJudge({})
  expect(judge(answer(204), now)).toEqual({ kind: "delivered", message: "HTTP 204", status: 204 })
  expect(judge(answer(404, "no such thing"), now)).toMatchObject({
    kind: "rejected",
    message: "HTTP 404: no such thing",
  })
  expect(judge(answer(429, "", { "retry-after": "7" }), now)).toMatchObject({
    kind: "rate_limited",
    retryAfterMs: 7000,
  })
})

test("a vendor's words for what went wrong are the message, in one line", () => {
  const judge = makeJudge({ message: ({ json }) => json?.error })
  expect(judge(answer(400, { error: "bad\n  email" }), now).message).toBe("HTTP 400: bad   email")
  expect(judge(answer(400, "<html>"), now).message).toBe("HTTP 400: <html>")
})

test("a refusal with status 200 is none the less a refusal, and a limit with 403 a limit", () => {
  const judge = makeJudge({
    verdict: ({ status, json, body }) =>
      json?.ok === false
        ? { kind: "rejected", message: json.error }
        : status === 403 && /rate limit/i.test(body)
          ? { kind: "rate_limited" }
          : undefined,
    blindWaitMs: 60_000,
  })
  expect(judge(answer(200, { ok: false, error: "no_channel" }), now)).toEqual({
    kind: "rejected",
    message: "HTTP 200: no_channel",
    status: 200,
  })
  expect(judge(answer(403, "Rate Limit Error"), now)).toMatchObject({ kind: "rate_limited", retryAfterMs: 60_000 })
  expect(judge(answer(403, "suspended"), now)).toMatchObject({ kind: "auth_failed" })
})

test("another kind than HTTP's is not bound by what HTTP says of the status", () => {
  const judge = makeJudge({ statuses: { 410: "server_error", 501: "server_error" } })
  expect(judge(answer(410), now)).toEqual({ kind: "server_error", message: "HTTP 410", status: 410 })
})

test("how long to wait is Retry-After, else the vendor's own word, else when there is more, else a guess", () => {
  const judge = makeJudge({
    wait: ({ header }) => untilUnix(header("x-wait-until"), now),
    allowance: ({ header }) =>
      header("x-left") === undefined ? undefined : { remaining: Number(header("x-left")), resetMs: 5000 },
    blindWaitMs: 30_000,
  })
  const waits = (headers: { readonly [name: string]: string }) => judge(answer(429, "", headers), now).retryAfterMs
  expect(waits({ "retry-after": "7", "x-wait-until": "1700000009" })).toBe(7000)
  expect(waits({ "x-wait-until": "1700000009" })).toBe(9000)
  expect(waits({ "x-left": "0" })).toBe(5000)
  expect(waits({})).toBe(30_000)
})

test("an allowance that is used up holds the connection, even after a success", () => {
  const judge = makeJudge({ allowance: ({ header }) => ({ remaining: Number(header("x-left")), resetMs: 5000 }) })
  expect(judge(answer(200, "", { "x-left": "0" }), now)).toMatchObject({ kind: "delivered", holdMs: 5000 })
  expect(judge(answer(200, "", { "x-left": "1" }), now)).not.toHaveProperty("holdMs")
})
