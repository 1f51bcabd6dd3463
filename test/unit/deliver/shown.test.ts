/**
 * What is kept of an attempt for people: enough to see why it failed, and never a secret.
 */
import { expect, test } from "vitest"
import { limits } from "../../../src/config/defaults.ts"
import { shown, type Attempt, type Exchanged } from "../../../src/deliver/exchange.ts"
import { secret } from "../../../src/index.ts"

const attempt = {
  connection: { settings: { token: secret("TOKEN") } },
  settings: { token: "s3cret of /theirs" },
} as unknown as Attempt

const exchanged = (kind: "delivered" | "rejected", body: string | Uint8Array): Exchanged => ({
  outcome: { kind, message: "" },
  request: { method: "POST", url: "https://x.test/in", headers: { authorization: "Bearer y" }, body },
  response: { status: 400, headers: {}, body: "no" },
})
const bodyOf = (kind: "delivered" | "rejected", body: string | Uint8Array) =>
  shown(exchanged(kind, body), attempt).request?.body

test("the body of a failed attempt is kept, bounded, without secrets in any of their forms", () => {
  expect(bodyOf("rejected", '{"a":1}')).toBe('{"a":1}')
  expect(bodyOf("rejected", `{"token":"s3cret of /theirs"}`)).toBe('{"token":"***"}')
  expect(bodyOf("rejected", new URLSearchParams({ token: "s3cret of /theirs" }).toString())).toBe("token=***")
  // Half of a secret at the end is none that could be found.
  const long = `${"x".repeat(limits.requestBodyKept - 5)}s3cret of /theirs`
  expect(bodyOf("rejected", long)).toBe(`${"x".repeat(limits.requestBodyKept - 5)}***`)
  expect(bodyOf("rejected", "y".repeat(10_000))).toHaveLength(limits.requestBodyKept)
})

test("nothing is kept of a body that was delivered, or that is no text", () => {
  expect(shown(exchanged("delivered", "{}"), attempt).request).toEqual({
    method: "POST",
    url: "https://x.test/in",
    bytes: 2,
  })
  expect(bodyOf("rejected", Uint8Array.of(0xff, 0xfe))).toBeUndefined()
  expect(bodyOf("rejected", Buffer.from("text"))).toBe("text")
})
