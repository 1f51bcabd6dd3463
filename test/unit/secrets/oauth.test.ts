import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { expect, test } from "vitest"
import type { OAuth2 } from "../../../src/model/auth.ts"
import type { HttpRequest } from "../../../src/model/connector.ts"
import type { Outcome } from "../../../src/model/outcome.ts"
import {
  askAsApp,
  authorizeUrl,
  digest,
  exchangeCode,
  refreshToken,
  revoke,
  type App,
  type Send,
} from "../../../src/secrets/oauth.ts"

const redirectUri = "https://meshes.example/oauth/callback"

const appWith = (oauth: Partial<OAuth2> = {}, more: Partial<App> = {}): App => ({
  oauth: {
    kind: "oauth2",
    grant: "authorization_code",
    tokenUrl: "https://vendor.example/token",
    scopes: [],
    clientId: "ID",
    clientSecret: "SECRET",
    ...oauth,
  },
  clientId: "app",
  clientSecret: "the secret:/+%",
  scopes: ["read", "write"],
  authorizeUrl: "https://vendor.example/authorize?tenant=1",
  tokenUrl: "https://vendor.example/token",
  revokeUrl: "https://vendor.example/revoke",
  tokenParams: {},
  allowPrivateNetwork: false,
  ...more,
})

interface Said {
  readonly status?: number
  readonly headers?: { readonly [name: string]: string }
  readonly body?: unknown
}

/** A vendor that says one thing; what it was asked is in `asked`. */
const vendor = (said: Said | Outcome) => {
  const asked: Array<HttpRequest> = []
  const send: Send = (request) => {
    asked.push(request)
    if ("kind" in said) return Effect.succeed({ _tag: "Failure", outcome: said })
    const { status = 200, headers = {}, body = {} } = said
    return Effect.succeed({
      _tag: "Answer",
      response: { status, headers, body: typeof body === "string" ? body : JSON.stringify(body) },
    })
  }
  return { send, form: () => Object.fromEntries(new URLSearchParams(String(asked[0]!.body))), asked }
}

const refresh = (said: Said | Outcome, app = appWith()) =>
  Effect.runPromise(refreshToken(vendor(said).send, app, "old-refresh-token"))

const granted = async (body: unknown, oauth: Partial<OAuth2> = {}) =>
  Result.getOrThrow(await refresh({ body }, appWith(oauth)))
const refused = async (said: Said | Outcome, app?: App) => Result.getOrThrow(Result.flip(await refresh(said, app)))

test("the address for the person carries state, the exact redirect URI, scopes and a PKCE challenge", () => {
  const flow = { redirectUri, state: "s", verifier: "v" }
  const query = (app: App) => Object.fromEntries(new URL(Result.getOrThrow(authorizeUrl(app, flow))).searchParams)
  expect(query(appWith({ authorizeParams: { access_type: "offline", state: "another" } }))).toEqual({
    tenant: "1",
    access_type: "offline",
    response_type: "code",
    client_id: "app",
    redirect_uri: redirectUri,
    state: "s",
    scope: "read write",
    code_challenge: digest("v"),
    code_challenge_method: "S256",
  })
  expect(query(appWith({ scopeSeparator: ",", pkce: false }))).toEqual({
    tenant: "1",
    response_type: "code",
    client_id: "app",
    redirect_uri: redirectUri,
    state: "s",
    scope: "read,write",
  })
})

test("a code is exchanged with the verifier and the same redirect URI; parameters of the app cannot take their place", async () => {
  const { send, form, asked } = vendor({ body: { access_token: "a" } })
  const app = appWith(
    {},
    { tokenParams: { audience: "x", grant_type: "password", redirect_uri: "https://evil.example" } },
  )
  await Effect.runPromise(exchangeCode(send, app, { code: "c", redirectUri, verifier: "v" }))
  expect(form()).toEqual({
    audience: "x",
    grant_type: "authorization_code",
    code: "c",
    redirect_uri: redirectUri,
    code_verifier: "v",
    client_id: "app",
    client_secret: "the secret:/+%",
  })
  expect(asked[0]).toMatchObject({ method: "POST", url: "https://vendor.example/token" })
  expect(asked[0]!.headers).toMatchObject({ accept: "application/json" })
})

test("an app may prove itself by Basic authentication, escaped as in a form", async () => {
  const { send, form, asked } = vendor({ body: { access_token: "a" } })
  await Effect.runPromise(refreshToken(send, appWith({ clientAuth: "basic" }), "r"))
  expect(form()).toEqual({ grant_type: "refresh_token", refresh_token: "r" })
  const proof = Buffer.from(asked[0]!.headers["authorization"]!.slice("Basic ".length), "base64").toString()
  expect(proof).toBe("app:the+secret%3A%2F%2B%25")
})

test("an app that needs no person asks by the vendor's own word for that", async () => {
  const { send, form } = vendor({ body: { access_token: "a", expires_in: 3599 } })
  const app = appWith(
    { grant: "client_credentials" },
    { tokenParams: { grant_type: "account_credentials", account_id: "7" } },
  )
  expect(Result.getOrThrow(await Effect.runPromise(askAsApp(send, app))).lifetimeMs).toBe(3_599_000)
  expect(form()).toMatchObject({ grant_type: "account_credentials", account_id: "7", scope: "read write" })
})

test("vendors differ in what they say of a token", async () => {
  expect(await granted({ access_token: "a", token_type: "bot", refresh_token: "r", expires_in: "43200" })).toEqual({
    accessToken: "a",
    kept: {},
    refreshToken: "r",
    lifetimeMs: 43_200_000,
  })
  // Without a lifetime it is the connector that knows, or nobody.
  expect((await granted({ access_token: "a" }, { lifetimeMs: 5000 })).lifetimeMs).toBe(5000)
  expect((await granted({ access_token: "a", expires_in: 0 })).lifetimeMs).toBeUndefined()
  expect((await granted({ access_token: "a", expires_in: null })).lifetimeMs).toBeUndefined()
  expect((await granted({ access_token: "a", scope: "read,write" })).scopes).toEqual(["read", "write"])
  expect((await granted({ access_token: "a", scope: "read write" })).scopes).toEqual(["read", "write"])
  expect(await granted({ access_token: "a", refresh_token: "" })).toEqual({ accessToken: "a", kept: {} })
})

test("fields that requests are made with are kept, if they lead nowhere over an open line", async () => {
  const keep = { keep: ["instance_url", "id", "absent"] }
  expect((await granted({ access_token: "a", instance_url: "https://eu1.vendor.example", id: 7 }, keep)).kept).toEqual({
    instance_url: "https://eu1.vendor.example",
    id: "7",
  })
  for (const instance_url of ["http://vendor.example", "https://u:p@vendor.example", "https://x\r\ny: z", { a: 1 }]) {
    expect(await refused({ body: { access_token: "a", instance_url } }, appWith(keep))).toMatchObject({ kind: "later" })
  }
})

test("a token that could not stand in a header is none", async () => {
  for (const access_token of [undefined, "", "a\r\nx: y", "ä", 7, "a".repeat(100_000)]) {
    expect(await refused({ body: { access_token } })).toMatchObject({ kind: "later" })
  }
})

test("an error that a vendor says with status 200 is an error", async () => {
  const refusedIn = (answer: { readonly [field: string]: unknown }) =>
    answer["ok"] === false ? String(answer["error"]) : undefined
  expect(await refused({ body: { ok: false, error: "token_revoked" } }, appWith({ refusedIn }))).toMatchObject({
    kind: "reauthorize",
    message: expect.stringContaining("token_revoked"),
  })
  expect(await refused({ body: { ok: false, error: "ratelimited" } }, appWith({ refusedIn }))).toMatchObject({
    kind: "later",
  })
  expect(await refused({ body: { error: "bad_refresh_token" } })).toMatchObject({ kind: "reauthorize" })
})

test("a refusal says who must act: a person, whoever keeps the app's secret, or nobody yet", async () => {
  const cases: ReadonlyArray<readonly [Said | Outcome, string, string]> = [
    [{ status: 400, body: { error: "invalid_grant" } }, "reauthorize", "authorize again"],
    [{ status: 400, body: { error: "access_denied" } }, "reauthorize", "authorize again"],
    [{ status: 400, body: "" }, "reauthorize", "HTTP 400"],
    [{ status: 401, body: { error: "invalid_client" } }, "reauthorize", "id or secret"],
    [{ status: 400, body: { error: "unauthorized_client" } }, "reauthorize", "id or secret"],
    [{ status: 403, body: "<html>blocked</html>" }, "later", "HTTP 403"],
    [{ status: 200, body: "<html>down</html>" }, "later", "HTTP 200"],
    [{ status: 500, body: { error: "invalid_grant" } }, "later", "HTTP 500"],
    [{ status: 400, body: { error: "temporarily_unavailable" } }, "later", "temporarily_unavailable"],
    [{ kind: "network_error", message: "connection refused" }, "later", "connection refused"],
  ]
  for (const [said, kind, words] of cases) {
    expect(await refused(said)).toMatchObject({ kind, message: expect.stringContaining(words) })
  }
  expect(await refused({ status: 429, headers: { "retry-after": "7" } })).toMatchObject({
    kind: "later",
    retryAfterMs: 7000,
  })
})

test("no message repeats what was sent", async () => {
  const body = {
    error: "invalid_grant",
    error_description: "refresh token old-refresh-token of the secret:/+% is over\n\u0007",
  }
  const { message } = await refused({ status: 400, body })
  expect(message).toContain("refresh token *** of *** is over")
  expect(message).not.toContain("\n")
})

test("secrets go over an open line only where private networks are allowed", async () => {
  const tokenUrl = "http://vendor.example/token"
  const { send, asked } = vendor({ body: { access_token: "a" } })
  expect(
    Result.getOrThrow(Result.flip(await Effect.runPromise(refreshToken(send, appWith({}, { tokenUrl }), "r")))),
  ).toEqual({
    kind: "later",
    message: expect.stringContaining("auth.tokenUrl"),
  })
  expect(asked).toEqual([])
  await Effect.runPromise(refreshToken(send, appWith({}, { tokenUrl, allowPrivateNetwork: true }), "r"))
  expect(asked.length).toBe(1)
})

test("the end of a grant is asked for with the refresh token, and a vendor that does not confirm it is told of", async () => {
  const { send, form } = vendor({ status: 200 })
  expect(await Effect.runPromise(revoke(send, appWith(), { accessToken: "a", refreshToken: "r" }))).toBeUndefined()
  expect(form()).toMatchObject({ token: "r", token_type_hint: "refresh_token" })
  const grant = { accessToken: "a" }
  expect(await Effect.runPromise(revoke(vendor({ status: 503 }).send, appWith(), grant))).toContain("503")
  expect(await Effect.runPromise(revoke(send, appWith({}, { revokeUrl: undefined }), grant))).toContain("no address")
})
