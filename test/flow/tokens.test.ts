/**
 * Tokens over a real log and a real vendor: replaced before they expire and when they are refused, by one replica at a time, and never
 * lost once the vendor has given them.
 */
import { createSecretKey, randomBytes } from "node:crypto"
import { readdir, readFile } from "node:fs/promises"
import { join } from "node:path"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { afterAll, beforeAll, expect, test } from "vitest"
import { limits } from "../../src/config/defaults.ts"
import type { ConnectionPlan } from "../../src/config/plan.ts"
import { makeHttpSender, type HttpSender } from "../../src/deliver/http.ts"
import { Audit } from "../../src/log/audit.ts"
import { Nats } from "../../src/log/connection.ts"
import { ensureTopology } from "../../src/log/ensure.ts"
import type { OAuth2, Token } from "../../src/model/auth.ts"
import { Health } from "../../src/observe/health.ts"
import {
  disconnect,
  keepAuthorization,
  lockPlace,
  readAuthorization,
  recordPlace,
  refOf,
} from "../../src/secrets/authorization.ts"
import { makeKeyRing } from "../../src/secrets/keyring.ts"
import { appOf, authorizeUrl, exchangeCode, randomText, type TokenProblem } from "../../src/secrets/oauth.ts"
import { Tokens } from "../../src/secrets/tokens.ts"
import { Vault } from "../../src/secrets/vault.ts"
import { startNats, type TestNats } from "../support/nats.ts"
import { clientId, clientSecret, openBrowser, startVendor, type Vendor } from "../support/vendor.ts"

const redirectUri = "http://127.0.0.1:7777/oauth/callback"
const ring = makeKeyRing([createSecretKey(randomBytes(32))])
const settings = { auth: { clientId, clientSecret } }

let nats: TestNats
let vendor: Vendor

beforeAll(async () => {
  nats = await startNats()
  vendor = await startVendor({ redirectUris: [redirectUri] })
})
afterAll(async () => {
  await vendor[Symbol.asyncDispose]()
  await nats.stop()
})

const oauth = (): OAuth2 => ({
  kind: "oauth2",
  grant: "authorization_code",
  authorizeUrl: `${vendor.url}/auth`,
  tokenUrl: `${vendor.url}/token`,
  revokeUrl: `${vendor.url}/token/revocation`,
  scopes: ["openid", "offline_access", "things.write"],
  authorizeParams: { prompt: "consent" },
  clientId: "THINGS_CLIENT_ID",
  clientSecret: "THINGS_CLIENT_SECRET",
})

const connectionOf = (id: string, more: Partial<OAuth2> = {}): ConnectionPlan => ({
  id,
  workspace: "acme",
  connection: {
    _tag: "Connection",
    connector: {
      name: "things",
      title: "Things",
      description: "",
      settings: Schema.Unknown,
      actions: {},
      auth: [{ ...oauth(), ...more }],
    },
    settings,
    options: {},
  },
  settings,
  concurrency: 1,
  timeoutMs: 5000,
  retry: { attempts: 1, initialMs: 1, factor: 1, maxMs: 1, jitter: 0 },
  ordering: "none",
  circuit: false,
  allowPrivateNetwork: true,
  batch: false,
})

class Sender extends Context.Service<Sender, HttpSender>()("test/Sender") {}

/** A replica: a vault and tokens over a connection to NATS of its own. */
const openReplica = async (sees: (vault: Vault["Service"]) => Vault["Service"] = (vault) => vault) => {
  const seen = Layer.effect(Vault, Effect.map(Vault, sees))
  const runtime = ManagedRuntime.make(
    Layer.unwrap(Effect.map(Sender, ({ send }) => Tokens.layer(send))).pipe(
      Layer.provide(seen),
      Layer.provideMerge(Layer.effect(Sender, makeHttpSender())),
      Layer.provideMerge(Vault.layer(ring)),
      Layer.provideMerge(Audit.layer),
      Layer.provideMerge(Layer.effectDiscard(ensureTopology)),
      Layer.provideMerge(Nats.layer(nats.url)),
      Layer.provideMerge(Health.layer),
    ),
  )
  const [tokens, vault, { send }, audit] = await runtime.runPromise(Effect.all([Tokens, Vault, Sender, Audit]))
  return {
    tokens,
    vault,
    get: (connection: ConnectionPlan) => runtime.runPromise(tokens.get(connection, settings)),
    renew: (connection: ConnectionPlan, refused: Token) =>
      runtime.runPromise(tokens.renew(connection, settings, refused)),
    read: (connection: ConnectionPlan) => runtime.runPromise(readAuthorization(vault, refOf(connection))),
    disconnect: (connection: ConnectionPlan) =>
      runtime.runPromise(disconnect(vault, send, connection, settings, audit, { by: "cli:ada" })),
    /** As a person with a browser. */
    authorize: async (connection: ConnectionPlan) => {
      const app = appOf(connection, settings)!
      const [state, verifier] = [randomText(), randomText()]
      const url = Result.getOrThrow(authorizeUrl(app, { redirectUri, state, verifier }))
      const back = new URL((await openBrowser().go(url, { stop: redirectUri })).url)
      expect(back.searchParams.get("state")).toBe(state)
      const code = back.searchParams.get("code")!
      const granted = await runtime.runPromise(exchangeCode(send, app, { code, redirectUri, verifier }))
      return runtime.runPromise(
        keepAuthorization(vault, connection, app, Result.getOrThrow(granted), audit, { by: "cli:ada" }),
      )
    },
    run: runtime.runPromise,
    close: () => runtime.dispose(),
  }
}

const good = (fetched: Result.Result<Token, TokenProblem>): Token => Result.getOrThrow(fetched)
const problem = (fetched: Result.Result<Token, TokenProblem>): TokenProblem => Result.getOrThrow(Result.flip(fetched))

const call = async ({ accessToken }: Token): Promise<number> => {
  const answer = await fetch(`${vendor.url}/api`, {
    method: "POST",
    headers: { authorization: `Bearer ${accessToken}` },
  })
  return answer.status
}

/** What the vendor was asked since. */
const asked = () => {
  const from = vendor.grants.length
  return () => vendor.grants.slice(from)
}

test("a token that a person has granted by code and PKCE is used until it expires, then replaced together with its refresh token", async () => {
  const replica = await openReplica()
  const connection = connectionOf("plain")
  expect(problem(await replica.get(connection))).toMatchObject({
    kind: "unauthorized",
    message: expect.stringContaining("meshes connections authorize acme plain"),
  })
  const grants = asked()
  const first = await replica.authorize(connection)
  expect(first.scopes).toEqual(["openid", "offline_access", "things.write"])
  expect(await call(good(await replica.get(connection)))).toBe(200)
  expect(await call(good(await replica.get(connection)))).toBe(200)
  expect(grants()).toEqual(["authorization_code"])
  const second = good(await replica.renew(connection, first))
  expect(second.accessToken).not.toBe(first.accessToken)
  const third = good(await replica.renew(connection, second))
  // Each refresh token was used once: otherwise the vendor would have ended the grant.
  expect(await call(third)).toBe(200)
  expect(grants()).toEqual(["authorization_code", "refresh_token", "refresh_token"])
  expect(await replica.read(connection)).toMatchObject({
    accessToken: third.accessToken,
    authorizedAt: first.authorizedAt,
  })
  await replica.close()
})

test("a token that is about to expire is replaced before it does", async () => {
  const replica = await openReplica()
  const connection = connectionOf("short")
  const first = await replica.authorize(connection)
  const aged = { ...first, grantedAt: Date.now() - 3_600_000, expiresAt: Date.now() + limits.tokenMarginMs / 2 }
  await replica.run(replica.vault.write(recordPlace(refOf(connection)), JSON.stringify(aged)))
  const grants = asked()
  const second = good(await replica.get(connection))
  expect(second.accessToken).not.toBe(first.accessToken)
  expect(await call(second)).toBe(200)
  expect(good(await replica.get(connection))).toEqual(second)
  expect(grants()).toEqual(["refresh_token"])
  await replica.close()
})

test("two replicas and many callers that need a new token at the same instant cause one refresh, and all go on with the same", async () => {
  const [one, other] = [await openReplica(), await openReplica()]
  const connection = connectionOf("race")
  const first = await one.authorize(connection)
  const grants = asked()
  const held = vendor.hold()
  const fetching = Promise.all([one, other, one, other].map((replica) => replica.renew(connection, first)))
  await vendor.until(() => held.waiting() > 0)
  held.release()
  const tokens = (await fetching).map((fetched) => good(fetched).accessToken)
  expect(new Set(tokens).size).toBe(1)
  expect(grants()).toEqual(["refresh_token"])
  expect(await call({ accessToken: tokens[0]!, kept: {} })).toBe(200)
  await one.close()
  await other.close()
})

test("however often replicas need new tokens at once, each refresh token is used once", async () => {
  const replicas = [await openReplica(), await openReplica(), await openReplica()]
  const connection = connectionOf("rounds")
  const grants = asked()
  let token: Token = await replicas[0]!.authorize(connection)
  const rounds = 20
  for (let round = 0; round < rounds; round++) {
    const renewed = await Promise.all(replicas.map((replica) => replica.renew(connection, token)))
    token = good(renewed[round % replicas.length]!)
    expect(renewed.map((one) => good(one).accessToken)).toEqual(replicas.map(() => token.accessToken))
  }
  expect(grants()).toEqual(["authorization_code", ...Array.from({ length: rounds }, () => "refresh_token")])
  expect(await call(token)).toBe(200)
  await Promise.all(replicas.map((replica) => replica.close()))
})

test("a replica that still reads an older record than the last one asks the vendor for nothing with it", async () => {
  const fresh = await openReplica()
  const connection = connectionOf("stale")
  const first = await fresh.authorize(connection)
  const before = await fresh.run(fresh.vault.read(recordPlace(refOf(connection))))
  const second = good(await fresh.renew(connection, first))
  const grants = asked()
  let reads = 0
  // As from a follower of the log's leader that has not caught up.
  const stale = await openReplica((vault) => ({
    ...vault,
    read: (place) => (place.kind === "token" && reads++ < 4 ? Effect.succeed(before) : vault.read(place)),
  }))
  expect(good(await stale.renew(connection, first))).toEqual(second)
  expect(grants()).toEqual([])
  expect(await call(second)).toBe(200)
  await fresh.close()
  await stale.close()
})

test("a replica that dies while it refreshes is waited for until its lock is gone; then another refreshes", async () => {
  const [dead, other] = [await openReplica(), await openReplica()]
  const connection = connectionOf("killed")
  const first = await dead.authorize(connection)
  // What is left of a replica that was killed before it asked: its lock.
  await dead.run(dead.vault.write(lockPlace(refOf(connection)), "dead", { after: 0, ttlMs: 2000 }))
  await dead.close()
  const grants = asked()
  const second = good(await other.renew(connection, first))
  expect(await call(second)).toBe(200)
  expect(grants()).toEqual(["refresh_token"])
  await other.close()
})

test("a new token that cannot be stored is not used until it is, and its refresh token is not lost", async () => {
  const replica = await openReplica()
  const connection = connectionOf("outage")
  const first = await replica.authorize(connection)
  const grants = asked()
  const held = vendor.hold()
  const fetching = replica.renew(connection, first)
  await vendor.until(() => held.waiting() > 0)
  await nats.kill()
  held.release()
  await vendor.until(() => grants().length === 1)
  const settled = await Promise.race([fetching, new Promise((later) => setTimeout(later, 500, "waits"))])
  expect(settled).toBe("waits")
  await nats.restart()
  const second = good(await fetching)
  expect(await call(second)).toBe(200)
  expect(await call(good(await replica.renew(connection, second)))).toBe(200)
  expect(grants()).toEqual(["refresh_token", "refresh_token"])
  await replica.close()
})

test("a record that is sealed anew while it is refreshed costs nothing; one of a new authorization wins", async () => {
  const replica = await openReplica()
  const connection = connectionOf("anew")
  const place = recordPlace(refOf(connection))
  const first = await replica.authorize(connection)
  const anew = vendor.hold()
  const refreshing = replica.renew(connection, first)
  await vendor.until(() => anew.waiting() > 0)
  const { text } = (await replica.run(replica.vault.read(place)))!
  await replica.run(replica.vault.write(place, text))
  anew.release()
  const second = good(await refreshing)
  expect(await call(second)).toBe(200)
  // The refresh token that came with it is there as well.
  const third = good(await replica.renew(connection, second))
  const won = vendor.hold()
  const late = replica.renew(connection, third)
  await vendor.until(() => won.waiting() > 0)
  const other = { ...(await replica.read(connection))!, accessToken: "of a new authorization" }
  await replica.run(replica.vault.write(place, JSON.stringify(other)))
  won.release()
  expect(good(await late).accessToken).toBe("of a new authorization")
  await replica.close()
})

test("a replica that ends while it refreshes stores what it is given first", async () => {
  const [ends, other] = [await openReplica(), await openReplica()]
  const connection = connectionOf("ends")
  const first = await ends.authorize(connection)
  const held = vendor.hold()
  const refreshing = ends.renew(connection, first).catch(() => undefined)
  await vendor.until(() => held.waiting() > 0)
  const closing = ends.close()
  held.release()
  await closing
  await refreshing
  const grants = asked()
  const second = good(await other.renew(connection, first))
  expect(await call(second)).toBe(200)
  expect(grants()).toEqual([])
  await other.close()
})

test("a grant that was revoked at the vendor asks for a person; a vendor that fails is tried again later, and left alone meanwhile", async () => {
  const replica = await openReplica()
  const connection = connectionOf("revoked")
  const first = await replica.authorize(connection)
  await vendor.revoke(first.accessToken)
  expect(problem(await replica.renew(connection, first))).toMatchObject({
    kind: "reauthorize",
    message: expect.stringContaining("invalid_grant"),
  })
  const second = await replica.authorize(connection)
  expect(await call(good(await replica.get(connection)))).toBe(200)
  const broken = connectionOf("revoked", { tokenUrl: `${vendor.url}/nothing` })
  const once = problem(await replica.renew(broken, second))
  expect(once).toMatchObject({ kind: "later", message: expect.stringContaining("404") })
  expect(problem(await replica.renew(broken, second)).retryAfterMs).toBeGreaterThan(0)
  // The token itself is good, and stays in use.
  expect(await call(good(await replica.get(connection)))).toBe(200)
  await replica.close()
})

test("a connection that has become another vendor's is not given the former one's token", async () => {
  const replica = await openReplica()
  const connection = connectionOf("moved")
  await replica.authorize(connection)
  expect(replica.tokens.mayWork(connection)).toBe(true)
  const elsewhere = connectionOf("moved", { tokenUrl: "https://other.example/token" })
  expect(problem(await replica.get(elsewhere)).kind).toBe("unauthorized")
  expect(replica.tokens.mayWork(elsewhere)).toBe(false)
  await replica.close()
})

test("whoever uses the wrong secret is told so, and the secret is not", async () => {
  const replica = await openReplica()
  const connection = connectionOf("wrong-secret")
  const first = await replica.authorize(connection)
  const wrong = { auth: { clientId, clientSecret: "not the secret" } }
  const refused = problem(await replica.run(replica.tokens.renew(connection, wrong, first)))
  expect(refused).toMatchObject({ kind: "reauthorize", message: expect.stringContaining("id or secret") })
  expect(refused.message).not.toContain("not the secret")
  await replica.close()
})

test("an app that needs no person is let in by itself, and again when its token expires", async () => {
  const replica = await openReplica()
  const connection = connectionOf("machine", { grant: "client_credentials", scopes: ["things.write"] })
  const grants = asked()
  const first = good(await replica.get(connection))
  expect(await call(first)).toBe(200)
  expect(good(await replica.get(connection))).toEqual(first)
  const second = good(await replica.renew(connection, first))
  expect(second.accessToken).not.toBe(first.accessToken)
  expect(await call(second)).toBe(200)
  expect(grants()).toEqual(["client_credentials", "client_credentials"])
  await replica.close()
})

test("disconnecting ends the grant at the vendor and forgets it here", async () => {
  const replica = await openReplica()
  const connection = connectionOf("left")
  const first = await replica.authorize(connection)
  expect(await replica.disconnect(connection)).toEqual({ found: true })
  expect(await call(first)).toBe(401)
  expect(problem(await replica.get(connection)).kind).toBe("unauthorized")
  expect(await replica.disconnect(connection)).toEqual({ found: false })
  // What was removed can be there again.
  await replica.authorize(connection)
  expect(await call(good(await replica.get(connection)))).toBe(200)
  await replica.close()
})

test("no code and no token is in the log's files in clear", async () => {
  const replica = await openReplica()
  const connection = connectionOf("sealed")
  await replica.renew(connection, await replica.authorize(connection))
  await replica.close()
  const files = await readdir(nats.storeDir, { recursive: true, withFileTypes: true })
  const contents = await Promise.all(
    files.filter((file) => file.isFile()).map((file) => readFile(join(file.parentPath, file.name))),
  )
  expect(vendor.given().length).toBeGreaterThan(3)
  for (const secret of [...vendor.given(), clientSecret]) {
    expect(contents.some((content) => content.includes(secret))).toBe(false)
  }
})
