/**
 * What Segment's connector is held to. Answers are of the forms that Segment documents.
 */
import { secret } from "../../src/index.ts"
import type { ConnectorCases } from "../../test/conformance/cases.ts"
import { segment } from "./index.ts"

const writeKey = "wk_not_a_real_one_0123456789"
const headers = {
  accept: "application/json",
  "content-type": "application/json",
  authorization: `Basic ${Buffer.from(`${writeKey}:`).toString("base64")}`,
}

const taken = { status: 200, body: { success: true } }
const time = "2026-01-31T09:30:00.000Z"

const batchOf = (type: string, inputs: ReadonlyArray<object>) => ({
  method: "POST",
  path: "/v1/batch",
  headers,
  body: { batch: inputs.map((input, i) => ({ type, messageId: `meshes-dlv_${i + 1}`, timestamp: time, ...input })) },
})

const large = { userId: "u", context: { text: "x".repeat(31_500) } }

const callCase = (type: string, needed: object, input: object, wrongInputs: ReadonlyArray<any> = []) => ({
  input: { ...needed, ...input },
  exchange: [{ request: batchOf(type, [{ ...needed, ...input }]), reply: taken }],
  wrongInputs: [
    { input: needed, path: "userId" },
    { input: { ...needed, userId: "" }, path: "userId" },
    { input: { ...needed, ...large }, path: "Segment takes 31500" },
    { input: { ...needed, userId: "u", context: "ip" }, path: "context" },
    ...wrongInputs,
  ],
  more: [
    {
      name: "a success that is none",
      reply: { status: 200, body: { success: false, message: "malformed JSON" } },
      kind: "rejected" as const,
      permanent: true,
      says: /malformed JSON/,
    },
    {
      name: "too large after all",
      reply: { status: 413, body: "Payload Too Large" },
      kind: "rejected" as const,
      permanent: true,
    },
    {
      name: "a limit with a time of day",
      reply: (now: number) => ({
        status: 429,
        headers: { "x-ratelimit-reset": String(Math.ceil(now / 1000) + 20) },
        body: { success: false },
      }),
      kind: "rate_limited" as const,
      permanent: false,
      retryAfterMs: 20_000,
    },
    {
      name: "a limit without a time",
      reply: { status: 429, body: { success: false } },
      kind: "rate_limited" as const,
      permanent: false,
      retryAfterMs: 1000,
    },
  ],
  batches: [
    {
      inputs: [
        { ...needed, userId: "u1" },
        { ...needed, anonymousId: "a1", timestamp: "2026-01-01T00:00:00Z" },
      ],
      exchange: {
        request: batchOf(type, [
          { ...needed, userId: "u1" },
          { ...needed, anonymousId: "a1", timestamp: "2026-01-01T00:00:00Z" },
        ]),
        reply: taken,
      },
    },
  ],
})

export const cases: ConnectorCases = {
  connection: (at) => segment({ writeKey: secret("SEGMENT_WRITE_KEY"), baseUrl: `${at}/v1` }),
  secrets: { SEGMENT_WRITE_KEY: writeKey },
  wrongSettings: [
    { connection: segment({} as never), path: "writeKey", says: /segment needs "writeKey"/ },
    { connection: segment({ writeKey: "in-clear" as never }), path: "writeKey", says: /secret\("NAME"\)/ },
    { connection: segment({ writeKey: secret("A"), region: "asia" as never }), path: "region", says: /us/ },
  ],
  answers: {
    permanent: {
      reply: { status: 400, body: { success: false, message: "malformed JSON" } },
      kind: "rejected",
      permanent: true,
      says: /HTTP 400: malformed JSON/,
    },
    transient: { reply: { status: 503, body: "" }, kind: "server_error", permanent: false },
    rateLimited: {
      reply: { status: 429, headers: { "retry-after": "4" }, body: { success: false } },
      kind: "rate_limited",
      permanent: false,
      retryAfterMs: 4000,
    },
    authFailed: { reply: { status: 401, body: { success: false } }, kind: "auth_failed", permanent: true },
    malformed: { reply: { status: 200, body: "<html>" }, kind: "server_error", permanent: false },
  },
  actions: {
    "event.track": callCase(
      "track",
      { event: "Order Completed" },
      { userId: "usr_1", properties: { total: 120 }, context: { ip: "203.0.113.7" }, integrations: { All: true } },
      [{ input: { userId: "u" }, path: "event" }],
    ),
    "contact.upsert": callCase("identify", {}, { userId: "usr_1", traits: { email: "ada@example.com" } }),
    "group.add": callCase("group", { groupId: "acc_1" }, { userId: "usr_1", traits: { name: "Acme" } }, [
      { input: { userId: "u" }, path: "groupId" },
    ]),
    "page.track": callCase("page", { name: "Pricing" }, { anonymousId: "a1", properties: { path: "/pricing" } }),
  },
}
