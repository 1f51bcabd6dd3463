/**
 * What S3's connector is held to. Answers are of the forms that Amazon documents. Signatures are checked against a server (`s3.test.ts`).
 */
import { createHash } from "node:crypto"
import { expect } from "vitest"
import { secret } from "../../src/index.ts"
import type { ConnectorCases } from "../../test/conformance/cases.ts"
import { s3 } from "./index.ts"

const accessKeyId = "AKIA-not-a-real-one"

const signedHeaders = (names: string) => ({
  "x-amz-date": expect.stringMatching(/^\d{8}T\d{6}Z$/),
  "x-amz-content-sha256": expect.stringMatching(/^[0-9a-f]{64}$/),
  authorization: expect.stringMatching(
    new RegExp(
      `^AWS4-HMAC-SHA256 Credential=${accessKeyId}/\\d{8}/eu-central-1/s3/aws4_request, SignedHeaders=${names}, Signature=[0-9a-f]{64}$`,
    ),
  ),
})
const headersOf = (contentType: string, body: string, more: object = {}) => {
  const own = {
    "content-type": contentType,
    "content-md5": createHash("md5").update(body).digest("base64"),
    ...more,
  }
  const names = [...Object.keys(own), "host", "x-amz-content-sha256", "x-amz-date"].toSorted().join(";")
  return { ...own, ...signedHeaders(names) }
}

const error = (status: number, code: string, message: string, headers: { readonly [name: string]: string } = {}) => ({
  status,
  headers: { "content-type": "application/xml", ...headers },
  body: `<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>${code}</Code><Message>${message}</Message><RequestId>1</RequestId></Error>`,
})

const stored = { status: 200, headers: { etag: '"9b2cf535f27731c974343645a3985328"' } }

const lines = (values: ReadonlyArray<unknown>) => values.map((value) => `${JSON.stringify(value)}\n`).join("")
const event = (number: number) => ({
  id: `evt_${number}`,
  type: "lead.created",
  workspace: "acme",
  time: "2026-01-31T09:30:00.000Z",
  payload: {},
})
const linesPath = (...deliveries: ReadonlyArray<string>) =>
  `/archive/meshes/acme/2026/01/31/093000-${createHash("sha256").update(deliveries.join("\n")).digest("hex").slice(0, 32)}.ndjson`
const three = lines([{ n: 1 }, event(2), "three"])
const one = lines([{ n: 1 }])

export const cases: ConnectorCases = {
  connection: (at) =>
    s3({
      endpoint: at,
      bucket: "archive",
      region: "eu-central-1",
      prefix: "meshes/",
      accessKeyId,
      secretAccessKey: secret("S3_SECRET"),
    }),
  secrets: { S3_SECRET: "wJalr/not-a-real-one" },
  wrongSettings: [
    { connection: s3({} as never), path: "bucket", says: /s3 needs "bucket"/ },
    {
      connection: s3({ bucket: "a b", region: "r", accessKeyId: "A", secretAccessKey: secret("S") }),
      path: "bucket",
      says: /a b/,
    },
    {
      connection: s3({ bucket: "abc", region: "r", accessKeyId: "A", secretAccessKey: "in-clear" as never }),
      path: "secretAccessKey",
      says: /secret\("NAME"\)/,
    },
    {
      connection: s3({
        bucket: "abc",
        region: "r",
        accessKeyId: "A",
        secretAccessKey: secret("S"),
        endpoint: "minio.example:9000",
      }),
      path: "endpoint",
      says: /is not a URL such as/,
    },
    {
      connection: s3({
        bucket: "abc",
        region: "r",
        accessKeyId: "A",
        secretAccessKey: secret("S"),
        prefix: "../other/",
      }),
      path: "prefix",
      says: /"\.\." as a step/,
    },
  ],
  answers: {
    permanent: {
      reply: error(404, "NoSuchBucket", "The specified bucket does not exist"),
      kind: "rejected",
      permanent: true,
      says: /HTTP 404: NoSuchBucket: The specified bucket does not exist/,
    },
    transient: {
      reply: error(500, "InternalError", "We encountered an internal error. Please try again."),
      kind: "server_error",
      permanent: false,
    },
    rateLimited: {
      reply: error(503, "SlowDown", "Please reduce your request rate."),
      kind: "rate_limited",
      permanent: false,
      retryAfterMs: 5000,
    },
    authFailed: {
      reply: error(403, "SignatureDoesNotMatch", "The request signature we calculated does not match"),
      kind: "auth_failed",
      permanent: true,
    },
    malformed: { reply: { status: 200, body: "<html>" }, kind: "server_error", permanent: false },
  },
  test: {
    request: {
      method: "GET",
      path: "/archive?list-type=2&max-keys=1&prefix=meshes%2F",
      headers: signedHeaders("host;x-amz-content-sha256;x-amz-date"),
    },
    reply: { status: 200, body: '<?xml version="1.0"?><ListBucketResult><Name>archive</Name></ListBucketResult>' },
    says: /nothing was written/,
  },
  actions: {
    "object.put": {
      input: { key: "leads/Ada 1.json", body: { email: "ada@example.com" }, metadata: { plan: "pro" } },
      exchange: [
        {
          request: {
            method: "PUT",
            path: "/archive/meshes/leads/Ada%201.json",
            headers: headersOf("application/json", '{"email":"ada@example.com"}', { "x-amz-meta-plan": "pro" }),
            body: { email: "ada@example.com" },
          },
          reply: stored,
        },
      ],
      wrongInputs: [
        { input: {}, path: "body" },
        { input: { key: "/leads" }, path: "key" },
        { input: { key: "leads/../../other" }, path: "key" },
        { input: { key: "leads\n" }, path: "key" },
        { input: { metadata: { Plan: "pro" } }, path: "metadata" },
        { input: { metadata: { plan: "zoë" } }, path: "metadata" },
        { input: { metadata: { plan: "x".repeat(2048) } }, path: "metadata" },
        { input: { contentType: "a\nb" }, path: "contentType" },
      ],
      more: [
        {
          name: "not allowed",
          reply: error(403, "AccessDenied", "Access Denied"),
          kind: "auth_failed",
          permanent: true,
        },
        {
          name: "credentials that ended",
          reply: error(400, "ExpiredToken", "The provided token has expired."),
          kind: "auth_failed",
          permanent: true,
        },
        {
          name: "another region",
          reply: error(400, "AuthorizationHeaderMalformed", "expecting 'eu-west-1'", {
            "x-amz-bucket-region": "eu-west-1",
          }),
          kind: "auth_failed",
          permanent: true,
          says: /expecting 'eu-west-1'; the bucket is in eu-west-1/,
        },
        {
          name: "another endpoint",
          reply: error(301, "PermanentRedirect", "must be addressed using the specified endpoint"),
          kind: "rejected",
          permanent: true,
          says: /PermanentRedirect/,
        },
        {
          name: "a body that came too slowly",
          reply: error(400, "RequestTimeout", "Your socket connection was not read from"),
          kind: "timeout",
          permanent: false,
        },
        {
          name: "a clock that is wrong",
          reply: error(403, "RequestTimeTooSkewed", "The difference is too large."),
          kind: "server_error",
          permanent: false,
        },
        {
          name: "another writer at the same time",
          reply: error(409, "OperationAborted", "A conflicting operation is in progress."),
          kind: "server_error",
          permanent: false,
        },
        {
          name: "damaged on the way",
          reply: error(400, "BadDigest", "did not match"),
          kind: "server_error",
          permanent: false,
        },
      ],
    },
    "lines.put": {
      input: { n: 1 },
      exchange: [
        {
          request: {
            method: "PUT",
            path: linesPath("dlv_1"),
            headers: headersOf("application/x-ndjson", one),
            body: one,
          },
          reply: stored,
        },
      ],
      batches: [
        {
          inputs: [{ n: 1 }, undefined, "three"],
          exchange: {
            request: {
              method: "PUT",
              path: linesPath("dlv_1", "dlv_2", "dlv_3"),
              headers: headersOf("application/x-ndjson", three),
              body: three,
            },
            reply: stored,
          },
        },
        {
          inputs: [{ n: 1 }, undefined, "three"],
          exchange: {
            request: {
              method: "PUT",
              path: linesPath("dlv_1", "dlv_2", "dlv_3"),
              headers: headersOf("application/x-ndjson", three),
              body: three,
            },
            reply: error(404, "NoSuchBucket", "The specified bucket does not exist"),
          },
          outcomes: ["dead", "dead", "dead"],
        },
      ],
    },
  },
  ways: [
    {
      name: "credentials that end, and an event without a mapping",
      connection: (at) =>
        s3({
          endpoint: `${at}/s3`,
          bucket: "archive",
          region: "eu-central-1",
          accessKeyId: secret("S3_ID"),
          secretAccessKey: secret("S3_SECRET"),
          sessionToken: secret("S3_SESSION"),
        }),
      secrets: { S3_ID: accessKeyId, S3_SECRET: "wJalr/not-a-real-one", S3_SESSION: "session-token" },
      action: "object.put",
      exchange: [
        {
          request: {
            method: "PUT",
            path: "/s3/archive/acme/lead.created/2026/01/31/evt_1-dlv_1.json",
            headers: {
              ...headersOf("application/json", JSON.stringify(event(1))),
              "x-amz-security-token": "session-token",
              authorization: expect.stringMatching(/x-amz-date;x-amz-security-token, Signature=/),
            },
            body: event(1),
          },
          reply: stored,
        },
      ],
    },
  ],
}
