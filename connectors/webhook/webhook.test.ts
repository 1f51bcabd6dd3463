import { Webhook } from "standardwebhooks"
import { expect, test } from "vitest"
import { secret } from "../../src/index.ts"
import { event, problemsOf, requestOf } from "../../test/support/action.ts"
import { webhook } from "./index.ts"
import { keyOf, signatureOf } from "./sign.ts"

const makeSecret = (fill: number): string => `whsec_${Buffer.alloc(32, fill).toString("base64")}`
const connection = webhook({ url: "https://erp.example/in" })
const settings = { url: "https://erp.example/in", secret: makeSecret(1) }
const bodyOf = (body: unknown): string => Buffer.from(body as Uint8Array | string).toString()

test("a request has the contract's headers and no others", () => {
  const { method, url, headers, body } = requestOf(connection, settings)
  expect([method, url]).toEqual(["POST", "https://erp.example/in"])
  expect(headers).toEqual({
    "content-type": "application/json",
    "webhook-id": "dlv_1",
    "webhook-timestamp": expect.stringMatching(/^\d{10}$/),
    "webhook-signature": expect.stringMatching(/^v1,[A-Za-z0-9+/]{43}=$/),
    "x-meshes-event-id": "evt_1",
    "x-meshes-event-type": "lead.created",
    "x-meshes-workspace": "acme",
    "x-meshes-attempt": "1",
  })
  expect(JSON.parse(bodyOf(body))).toEqual(event)
})

test("signatures are those of the specification's own example", () => {
  const key = keyOf("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
  if (typeof key === "string") throw new Error(key)
  expect(signatureOf([key], "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, '{"test": 2432232314}')).toBe(
    "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
  )
})

test("a replay and a trace are told on", () => {
  const { headers } = requestOf(connection, settings, {
    delivery: { replay: "rpl_1", traceparent: "00-a-b-01", attempt: 3 },
  })
  expect(headers).toMatchObject({ "x-meshes-replay": "rpl_1", traceparent: "00-a-b-01", "x-meshes-attempt": "3" })
})

test("while secrets are changed, a receiver with either of them verifies", () => {
  const secrets = [makeSecret(1), makeSecret(2)]
  const { headers, body } = requestOf(connection, { ...settings, secret: secrets })
  for (const one of secrets) expect(() => new Webhook(one).verify(bodyOf(body), { ...headers })).not.toThrow()
  expect(() => new Webhook(makeSecret(3)).verify(bodyOf(body), { ...headers })).toThrow()
})

test("without a secret nothing is signed", () => {
  expect(requestOf(connection, { url: settings.url }).headers).not.toHaveProperty("webhook-signature")
})

test("the body is the envelope, the payload alone with mode raw, and the mapped value with a mapping", () => {
  expect(JSON.parse(bodyOf(requestOf(connection, { ...settings, mode: "raw" }).body))).toEqual({ name: "Ada" })
  for (const mode of ["raw", "envelope"]) {
    expect(JSON.parse(bodyOf(requestOf(connection, { ...settings, mode }, { input: { text: "x" } }).body))).toEqual({
      text: "x",
    })
  }
})

test("a secret that is none is refused without being repeated", () => {
  const { connector } = connection
  for (const wrong of [
    "hunter2hunter2",
    "whsec_dG9vc2hvcnQ=",
    "whsec_not base64!",
    `whsec_${Buffer.alloc(65).toString("base64")}`,
  ]) {
    const problems = connector.checkResolved!({ ...settings, secret: wrong })
    expect(problems).toHaveLength(1)
    expect(problems[0]!.message).not.toContain(wrong.slice(6))
  }
  expect(connector.checkResolved!(settings)).toEqual([])
})

test("headers that are the connector's own cannot be set", () => {
  expect(
    problemsOf(
      webhook({ url: "https://x", headers: { "Webhook-Id": "1", "x-meshes-attempt": "1", "x-mine": "1", "a b": "1" } }),
    ),
  ).toEqual([
    expect.stringContaining("headers.Webhook-Id"),
    expect.stringContaining("headers.x-meshes-attempt"),
    expect.stringContaining("headers.a b"),
  ])
})

test("a URL is one, or a secret that holds one", () => {
  expect(problemsOf(webhook({ url: "erp.example/in" }))).toHaveLength(1)
  expect(problemsOf(webhook({ url: "ftp://erp.example" }))).toHaveLength(1)
  expect(problemsOf(webhook({ url: secret("URL") }))).toEqual([])
})
