/** Against a server that checks signatures, and against AWS' own example of one. */
import { afterAll, beforeAll, expect, test } from "vitest"
import * as Effect from "effect/Effect"
import { testConnection } from "../../src/deliver/check.ts"
import { secret, type ActionContext, type BatchItem, type HttpRequest } from "../../src/index.ts"
import { makeTrial, type Trial } from "../../test/conformance/trial.ts"
import { contextOf, event, judged, requestOf } from "../../test/support/action.ts"
import { s3Credentials, startS3, type S3Server } from "../../test/support/s3.ts"
import { s3 } from "./index.ts"
import { signed } from "./sign.ts"

let server: S3Server

beforeAll(async () => {
  server = await startS3("events")
})
afterAll(() => server[Symbol.asyncDispose]())

const connectionTo = (more: object = {}) =>
  s3({
    bucket: "events",
    region: "eu-central-1",
    endpoint: server.url,
    accessKeyId: s3Credentials.accessKeyId,
    secretAccessKey: secret("S3_SECRET"),
    ...more,
  })

const trying = async <A>(
  use: (trial: Trial) => Promise<A>,
  more: object = {},
  key: string = s3Credentials.secretAccessKey,
) => {
  const trial = await makeTrial(connectionTo(more), { S3_SECRET: key, S3_SESSION: "session-token" })
  try {
    return await use(trial)
  } finally {
    await trial.close()
  }
}

const objects = async (prefix: string): Promise<ReadonlyArray<string>> => {
  const listed = await (await fetch(`${server.url}/events?list-type=2&prefix=${encodeURIComponent(prefix)}`)).text()
  return [...listed.matchAll(/<Key>([^<]+)<\/Key>/g)].map((match) => match[1]!)
}

test("an event without a mapping is an object of its own, as it is stored", async () => {
  const { outcomes } = await trying((trial) => trial.attempt("object.put", [undefined]), { prefix: "plain/" })
  expect(outcomes[0]).toMatchObject({ kind: "delivered" })
  const key = "plain/acme/lead.created/2026/01/31/evt_1-dlv_1.json"
  expect(await objects("plain/")).toEqual([key])
  const got = await fetch(`${server.url}/events/${key}`)
  expect(got.headers.get("content-type")).toBe("application/json")
  expect(await got.json()).toMatchObject({ id: "evt_1", type: "lead.created", workspace: "acme" })
})

test("a repeat writes over the same object", async () => {
  await trying(
    async (trial) => {
      for (const _ of [1, 2, 3]) {
        const { outcomes } = await trial.attempt("object.put", [undefined])
        expect(outcomes[0]).toMatchObject({ kind: "delivered" })
      }
    },
    { prefix: "again/" },
  )
  expect(await objects("again/")).toHaveLength(1)
})

test("keys with all kinds of characters, metadata and texts arrive as they were given", async () => {
  const keys = ["a b+c/ü €😀.txt", "it's (a) *key*!,;:@&=$~", "a//b", "per%20cent%", 'quo"te<>\\^`{|}#?[]']
  for (const [i, key] of keys.entries()) {
    const input = { key: `odd${i}/${key}`, body: "Grüße", metadata: { plan: "pro plus" } }
    const { outcomes } = await trying((trial) => trial.attempt("object.put", [input]))
    expect(outcomes[0], key).toMatchObject({ kind: "delivered" })
    const path = input.key.split("/").map(encodeURIComponent).join("/")
    const got = await fetch(`${server.url}/events/${path}`)
    expect([got.status, await got.text()], key).toEqual([200, "Grüße"])
    expect(got.headers.get("content-type")).toBe("text/plain; charset=utf-8")
    expect(got.headers.get("x-amz-meta-plan")).toBe("pro plus")
  }
})

test("many events are one object, a line each, and the same deliveries are the same object", async () => {
  const inputs = [{ n: 1, text: "a\nb" }, undefined, "three"]
  await trying(
    async (trial) => {
      const { outcomes, calls } = await trial.attempt("lines.put", inputs)
      expect(outcomes.map(({ kind }) => kind)).toEqual(["delivered", "delivered", "delivered"])
      expect(calls).toBe(1)
      await trial.attempt("lines.put", inputs)
      // Other deliveries are another object.
      await trial.attempt("lines.put", inputs.slice(0, 2))
    },
    { prefix: "lines/" },
  )
  const keys = await objects("lines/")
  expect(keys).toHaveLength(2)
  const bodies = await Promise.all(keys.map(async (key) => (await fetch(`${server.url}/events/${key}`)).text()))
  const lines = bodies
    .toSorted((a, b) => b.length - a.length)[0]!
    .trimEnd()
    .split("\n")
  expect(lines.map((line) => JSON.parse(line))).toEqual([
    { n: 1, text: "a\nb" },
    expect.objectContaining({ id: "evt_2" }),
    "three",
  ])
})

test("the key of an object of many does not follow from the order in which they came together", () => {
  const action = connectionTo().connector.actions["lines.put"]!
  if (!("batch" in action)) throw new Error("no batch")
  const settings = { bucket: "events", region: "x", ...s3Credentials }
  const items: ReadonlyArray<BatchItem<any, unknown>> = [1, 2, 3].map((n) => ({
    input: { n },
    context: contextOf(settings, { id: `dlv_${n}` }),
  }))
  const urlOf = (some: typeof items) => (action.batch.request(some) as HttpRequest).url
  expect(urlOf(items.toReversed())).toBe(urlOf(items))
  expect(urlOf(items.slice(1))).not.toBe(urlOf(items))
})

test("an event that was stored over several lines is one line", () => {
  const action = connectionTo().connector.actions["lines.put"]!
  if (!("batch" in action)) throw new Error("no batch")
  const context: ActionContext<any> = {
    ...contextOf({ bucket: "events", region: "x", ...s3Credentials }),
    envelope: Buffer.from(JSON.stringify(event, null, 2)),
  }
  const { body } = action.batch.request([{ input: undefined, context }]) as HttpRequest
  expect(body).toBe(`${JSON.stringify(event)}\n`)
})

test("credentials that are wrong are refused, and a bucket that is not there", async () => {
  const put = (trial: Trial) => trial.attempt("object.put", [undefined])
  const wrong = await trying(put, {}, "not-the-secret")
  expect(wrong.outcomes[0]).toMatchObject({ kind: "auth_failed" })
  expect(wrong.outcomes[0]!.message).toMatch(/HTTP 403: SignatureDoesNotMatch: /)
  const absent = await trying(put, { bucket: "nowhere" })
  expect(absent.outcomes[0]).toMatchObject({ kind: "rejected" })
  expect(absent.outcomes[0]!.message).toMatch(/HTTP 404: NoSuchBucket: /)
})

test("the connection's test lists, and writes nothing", async () => {
  const { outcome, says } = await trying((trial) => Effect.runPromise(testConnection(trial)), { prefix: "none/" })
  expect([outcome.kind, says]).toEqual(["delivered", expect.stringMatching(/nothing was written/)])
  expect(await objects("none/")).toEqual([])
  const refused = await trying((trial) => Effect.runPromise(testConnection(trial)), {}, "not-the-secret")
  expect(refused.outcome.kind).toBe("auth_failed")
})

test("a session's token is signed along", async () => {
  const more = { sessionToken: secret("S3_SESSION"), prefix: "session/" }
  const { outcomes } = await trying((trial) => trial.attempt("object.put", [undefined]), more)
  expect(outcomes[0]).toMatchObject({ kind: "delivered" })
  const { headers } = requestOf(connectionTo(), { bucket: "b", region: "r", ...s3Credentials, sessionToken: "t-1" })
  expect(headers["x-amz-security-token"]).toBe("t-1")
  expect(headers["authorization"]).toMatch(/SignedHeaders=[^,]*x-amz-security-token/)
})

test("signatures are those of AWS' own examples", () => {
  const signer = {
    bucket: "examplebucket",
    region: "us-east-1",
    endpoint: "https://s3.amazonaws.com",
    pathStyle: false,
    accessKeyId: "AKIAIOSFODNN7EXAMPLE",
    secretAccessKey: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
  }
  const at = Date.UTC(2013, 4, 24)
  const put = signed(
    signer,
    {
      method: "PUT",
      key: "test$file.text",
      headers: { date: "Fri, 24 May 2013 00:00:00 GMT", "x-amz-storage-class": "REDUCED_REDUNDANCY" },
      body: "Welcome to Amazon S3.",
    },
    at,
  )
  expect(put.url).toBe("https://examplebucket.s3.amazonaws.com/test%24file.text")
  expect(put.headers["authorization"]).toMatch(
    /Signature=98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd$/,
  )
  const list = signed(signer, { method: "GET", query: { "max-keys": "2", prefix: "J" } }, at)
  expect(new URL(list.url).href).toBe("https://examplebucket.s3.amazonaws.com/?max-keys=2&prefix=J")
  expect(list.headers["authorization"]).toMatch(
    /Signature=34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7$/,
  )
})

test("a bucket is a host of AWS', unless its name has dots, and a step of another store's path", () => {
  const urlOf = (more: object) =>
    requestOf(connectionTo(), { region: "eu-central-1", ...s3Credentials, ...more }, { input: { key: "k" } }).url
  expect(urlOf({ bucket: "events" })).toBe("https://events.s3.eu-central-1.amazonaws.com/k")
  expect(urlOf({ bucket: "my.events" })).toBe("https://s3.eu-central-1.amazonaws.com/my.events/k")
  expect(urlOf({ bucket: "events", region: "cn-north-1" })).toBe("https://events.s3.cn-north-1.amazonaws.com.cn/k")
  expect(urlOf({ bucket: "events", endpoint: "https://s.example:9000/s3/" })).toBe("https://s.example:9000/s3/events/k")
  expect(urlOf({ bucket: "events", endpoint: "https://s.example", pathStyle: false })).toBe(
    "https://events.s.example/k",
  )
})

test("a key that is too long with its prefix is told, and not cut", () => {
  const settings = { bucket: "events", region: "x", ...s3Credentials, prefix: "p/" }
  expect(() => requestOf(connectionTo(), settings, { input: { key: "ü".repeat(512) } })).toThrow(/at most 1024 bytes/)
})

test("what a store means by its words", () => {
  const said = (status: number, code: string, headers = {}) =>
    judged(connectionTo(), { status, headers, body: `<Error><Code>${code}</Code><Message>m</Message></Error>` })
  expect(said(503, "SlowDown")).toMatchObject({ kind: "rate_limited", retryAfterMs: 5000 })
  expect(said(400, "RequestTimeout")).toMatchObject({ kind: "timeout" })
  expect(said(403, "RequestTimeTooSkewed")).toMatchObject({ kind: "server_error" })
  expect(said(301, "PermanentRedirect", { "x-amz-bucket-region": "eu-west-1" }).message).toMatch(/in eu-west-1$/)
})
