import { expect, test } from "vitest"
import { problemsOf, requestOf } from "../../test/support/action.ts"
import { http } from "./index.ts"

const connection = http({ url: "https://api.example/v1" })
const url = "https://api.example/v1"
const bodyOf = (body: unknown): string => Buffer.from(body as Uint8Array | string).toString()

test("the mapped value is the body, as JSON, a form or text", () => {
  const input = { name: "Ada", tags: ["a", "b"], deep: { x: 1 } }
  expect(JSON.parse(bodyOf(requestOf(connection, { url }, { input }).body))).toEqual(input)
  const form = requestOf(connection, { url, body: "form" }, { input })
  expect(form.headers["content-type"]).toBe("application/x-www-form-urlencoded")
  expect(form.body).toBe("name=Ada&tags=a&tags=b&deep=%7B%22x%22%3A1%7D")
  expect(requestOf(connection, { url, body: "text" }, { input: "hello" }).body).toBe("hello")
})

test("GET and HEAD send no body", () => {
  for (const method of ["GET", "HEAD"]) {
    const request = requestOf(connection, { url, method }, { input: { a: 1 } })
    expect(request).not.toHaveProperty("body")
    expect(request.headers).not.toHaveProperty("content-type")
  }
})

test.for([
  [
    { type: "basic", username: "ada", password: "p:w" },
    "authorization",
    `Basic ${Buffer.from("ada:p:w").toString("base64")}`,
  ],
  [{ type: "bearer", token: "t" }, "authorization", "Bearer t"],
  [{ type: "header", name: "X-Key", value: "k" }, "x-key", "k"],
] as const)("credentials go into their header: %o", ([auth, name, value]) => {
  expect(requestOf(connection, { url, auth }).headers[name]).toBe(value)
})

test("every attempt carries the delivery's id, unless that is turned off", () => {
  expect(requestOf(connection, { url }).headers["idempotency-key"]).toBe("dlv_1")
  expect(requestOf(connection, { url, idempotencyHeader: "X-Request-Id" }).headers["x-request-id"]).toBe("dlv_1")
  expect(requestOf(connection, { url, idempotencyHeader: false }).headers).not.toHaveProperty("idempotency-key")
})

test("the configured query is sent and not shown", () => {
  const { url: sent, shown } = requestOf(connection, { url: `${url}?a=1`, query: { key: "sesame" } })
  expect(sent).toBe("https://api.example/v1?a=1&key=sesame")
  expect(shown).toBe("https://api.example/v1?a=1&key=***")
})

test("a call makes method, path, query, headers and body", () => {
  const input = { method: "PUT", path: "contacts/1", query: { notify: true }, headers: { "X-A": "1" }, body: { n: 1 } }
  const request = requestOf(connection, { url }, { action: "call", input })
  expect(request).toMatchObject({
    method: "PUT",
    url: "https://api.example/v1/contacts/1?notify=true",
    body: '{"n":1}',
  })
  expect(request.headers["x-a"]).toBe("1")
})

test.for(["../admin", "a/../../admin", "%2e%2E/admin", "a?b=1", "a#b", "..\\admin"])(
  "a call's path cannot leave the URL: %s",
  (path) => {
    expect(() => requestOf(connection, { url }, { action: "call", input: { path } })).toThrow("a path without")
  },
)

test("a call's path that looks like a host stays a path", () => {
  expect(requestOf(connection, { url }, { action: "call", input: { path: "//evil.example/x" } }).url).toBe(
    "https://api.example/v1//evil.example/x",
  )
})

test("what is no URL or no header is told", () => {
  expect(problemsOf(http({ url: "nowhere", headers: { host: "x", "a b": "1" } }))).toHaveLength(3)
})
