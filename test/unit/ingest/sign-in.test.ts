/** Signing in over real HTTP: who may, by what, what the cookie is, from where it counts, and for how long. */
import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { describe } from "vitest"
import type { AccountPlan } from "../../../src/config/plan.ts"
import { limits } from "../../../src/config/defaults.ts"
import type { Session } from "../../../src/model/session.ts"
import { key, planOf, serve, type Answer, type Sent } from "./served.ts"

const keys = [
  key("support", { scopes: ["read", "operate"], workspaces: ["acme"] }),
  key("owner", { scopes: ["admin"], workspaces: ["acme"] }),
  key("stranger", { scopes: ["admin"], workspaces: ["globex"] }),
  key("site", { scopes: ["publish"] }),
  key("page", { publishable: true, allowedOrigins: ["https://shop.example"] }),
  key("old", { scopes: ["admin"], expires: 1 }),
]

const ownPage = { "sec-fetch-site": "same-origin" }
const nobody = { authorization: undefined }

const served = (address: { readonly publicUrl?: string } = {}) =>
  Effect.gen(function* () {
    const server = yield* serve(keys, address)
    const signIn = (credential: unknown, headers: Sent["headers"] = ownPage) =>
      server.post("/api/v1/sign-in", credential, { ...nobody, ...headers })
    const as = (name: string, method: string, path: string, body?: unknown) =>
      server.send(`/api/v1${path}`, { method, body, headers: { authorization: `Bearer ${name}-key` } })
    const by = (headers: Sent["headers"], method: string, path: string, body?: unknown) =>
      server.send(`/api/v1${path}`, { method, body, headers: { ...nobody, ...headers } })
    /** What the only session there is becomes. */
    const change = (to: (session: Session) => Session) => {
      const [[id, kept]] = [...server.issued.sessions] as [[string, { revision: number; session: Session }]]
      server.issued.sessions.set(id, { ...kept, session: to(kept.session) })
    }
    return { ...server, signIn, as, by, change }
  })

const cookieOf = ({ headers }: Answer): string => String(headers["set-cookie"])
const pairOf = (answer: Answer) => ({ cookie: cookieOf(answer).split(";", 1)[0]! })

const terms = { workspace: "acme", role: "admin", allowed_origins: ["https://app.example.com"] }
const launchIn = (minted: Answer): string => new URL(minted.json.launch_url).searchParams.get("launch")!

describe("signing in by a key", () => {
  it.live("is for those that look around, and are not for everybody's eyes", () =>
    Effect.gen(function* () {
      const { signIn, issued } = yield* served()
      const refused = function* (credential: unknown, status: number, message: string) {
        const answer = yield* signIn(credential)
        assert.deepStrictEqual([answer.status, answer.headers["set-cookie"]], [status, undefined])
        assert.include(answer.json.message, message)
      }
      yield* refused({ key: "site-key" }, 403, "read")
      yield* refused({ key: "page-key" }, 403, "publishable")
      yield* refused({ key: "old-key" }, 401, "expired")
      yield* refused({ key: "nobody's" }, 401, "not known")
      yield* refused({ key: "x".repeat(10_000) }, 401, "not known")
      yield* refused({ link: "msl_no-such-link" }, 401, "ask for another")
      for (const wrong of [{}, { key: "a", link: "b" }, [], null, "support-key", { key: 7 }, { password: "a" }])
        yield* refused(wrong, 400, "")
      yield* refused("{", 400, "malformed JSON")
      assert.strictEqual(issued.sessions.size, 0)
    }),
  )

  it.live("gives a cookie that no script reads and no other site's page sends", () =>
    Effect.gen(function* () {
      const { signIn } = yield* served()
      const answer = yield* signIn({ key: "support-key" })
      assert.strictEqual(answer.headers["cache-control"], "no-store")
      const cookie = /^meshes_session=mss_[\w-]{69}; Path=\/; Max-Age=(\d+); HttpOnly; SameSite=Strict$/
      assert.closeTo(Number(cookie.exec(cookieOf(answer))?.[1]), limits.sessionMs / 1000, 60)
      const behindProxy = yield* signIn({ key: "support-key" }, { ...ownPage, "x-forwarded-proto": "https" })
      assert.match(cookieOf(behindProxy), /; Secure$/)
      const { signIn: signInPublicly } = yield* served({ publicUrl: "https://meshes.example.com" })
      assert.match(cookieOf(yield* signInPublicly({ key: "support-key" })), /; Secure$/)
    }),
  )

  it.live("lasts as long as the key does what it did: it is looked up with each request", () =>
    Effect.gen(function* () {
      const { signIn, by, setPlan } = yield* served()
      const cookie = pairOf(yield* signIn({ key: "support-key" }))
      const with_ = function* (rest: Parameters<typeof key>[1]) {
        setPlan(planOf(["acme", "globex"], [key("support", rest)]))
        const { status, json } = yield* by(cookie, "GET", "/me")
        return [status, json.scopes, json.workspaces]
      }
      assert.deepStrictEqual(yield* with_({ scopes: ["admin"] }), [200, ["admin"], undefined])
      assert.deepStrictEqual(yield* with_({ scopes: ["read"], workspaces: ["globex"] }), [200, ["read"], ["globex"]])
      for (const rest of [{ scopes: ["read"], expires: 1 }, { scopes: ["publish"] }, { publishable: true }] as const)
        assert.deepStrictEqual(yield* with_(rest), [401, undefined, undefined])
      setPlan(planOf(["acme"], []))
      assert.include((yield* by(cookie, "GET", "/me")).json.message, "the session is over")
    }),
  )

  it.live("ends by the clock, whatever is done meanwhile", () =>
    Effect.gen(function* () {
      const { signIn, by, change } = yield* served()
      const cookie = pairOf(yield* signIn({ key: "support-key" }))
      assert.strictEqual((yield* by(cookie, "GET", "/me")).status, 200)
      change((session) => ({ ...session, ends: Date.now() - 1 }))
      assert.strictEqual((yield* by(cookie, "GET", "/me")).status, 401)
    }),
  )

  it.live("is refused by one holder's too many sessions, and told to the audit with who and from where", () =>
    Effect.gen(function* () {
      const { signIn, by, issued } = yield* served()
      const cookie = pairOf(yield* signIn({ key: "support-key" }))
      const [kept] = issued.sessions.values()
      for (let i = 1; i < limits.sessionsPerHolder; i++)
        issued.sessions.set(`ses_${i}`, { ...kept!, session: { ...kept!.session!, id: `ses_${i}` } })
      assert.strictEqual((yield* signIn({ key: "support-key" })).status, 429)
      assert.strictEqual((yield* by({ ...cookie, ...ownPage }, "DELETE", "/sign-in")).status, 204)
      assert.strictEqual((yield* signIn({ key: "support-key" })).status, 200)
      assert.deepStrictEqual(
        issued.audited.map(({ what, by, from }) => [what, by, from]),
        ["session.begun", "session.ended", "session.begun"].map((what) => [what, "key:support", "127.0.0.1"]),
      )
    }),
  )
})

describe("a browser's cookie", () => {
  const own = { publicUrl: "http://127.0.0.1:9" }
  /** What a browser says of the page that asks, and whether something may be changed by it. */
  const table: ReadonlyArray<readonly [site: string | undefined, origin: string | undefined, may: boolean]> = [
    ["same-origin", undefined, true],
    ["same-origin", own.publicUrl, true],
    // The browser's own word counts, wherever it finds us.
    ["same-origin", "https://evil.example", true],
    ["same-site", own.publicUrl, false],
    ["same-site", undefined, false],
    ["cross-site", own.publicUrl, false],
    ["cross-site", "https://evil.example", false],
    ["none", undefined, false],
    ["", own.publicUrl, false],
    [undefined, own.publicUrl, true],
    [undefined, "http://HOST", true],
    [undefined, "https://HOST", false],
    [undefined, "https://evil.example", false],
    [undefined, "null", false],
    [undefined, "", false],
    [undefined, undefined, false],
  ]

  it.live("changes something only from a page of this origin, and shows whatever the page", () =>
    Effect.gen(function* () {
      const { signIn, by, url } = yield* served(own)
      const cookie = pairOf(yield* signIn({ key: "owner-key" }))
      for (const [site, origin, may] of table) {
        const told = { "sec-fetch-site": site, origin: origin?.replace("HOST", new URL(url).host) }
        for (const [method, path] of [
          ["DELETE", "/keys/none"],
          ["POST", "/keys"],
          ["PUT", "/workspaces/acme/secrets/TOKEN"],
          ["POST", "/sign-in"],
        ] as const) {
          const { status, json } = yield* by({ ...cookie, ...told }, method, path, "{")
          assert.strictEqual(json.message.includes("page of this origin"), !may, `${method} ${site} ${origin}`)
          if (!may) assert.strictEqual(status, 403)
        }
        for (const method of ["GET", "HEAD"])
          assert.strictEqual((yield* by({ ...cookie, ...told }, method, "/me")).status, 200)
      }
    }),
  )

  it.live("of https counts from a page of https, where a proxy says that it was", () =>
    Effect.gen(function* () {
      const { signIn, by, url } = yield* served()
      const cookie = pairOf(yield* signIn({ key: "owner-key" }))
      const told = { "x-forwarded-proto": "https", origin: `https://${new URL(url).host}` }
      assert.strictEqual((yield* by({ ...cookie, ...told }, "DELETE", "/keys/none")).status, 404)
    }),
  )

  it.live("says nothing beside a key: then the key alone counts, from anywhere", () =>
    Effect.gen(function* () {
      const { signIn, by } = yield* served()
      const cookie = pairOf(yield* signIn({ key: "owner-key" }))
      const both = { ...cookie, "sec-fetch-site": "cross-site", authorization: "Bearer support-key" }
      assert.strictEqual((yield* by(both, "GET", "/me")).json.name, "support")
      assert.include((yield* by(both, "POST", "/keys", {})).json.message, "the key support may not admin")
      const wrong = { ...cookie, ...ownPage, authorization: "Bearer none" }
      assert.strictEqual((yield* by(wrong, "GET", "/me")).status, 401)
    }),
  )

  it.live("cannot be set by another site's page", () =>
    Effect.gen(function* () {
      const { signIn } = yield* served()
      const foreign = [{ "sec-fetch-site": "cross-site" }, { origin: "https://evil.example" }, { origin: "null" }]
      for (const headers of foreign) assert.strictEqual((yield* signIn({ key: "owner-key" }, headers)).status, 403)
      // What is no browser says nothing of pages.
      assert.strictEqual((yield* signIn({ key: "owner-key" }, {})).status, 200)
    }),
  )

  it.live("that is none, or not quite one, lets nobody in", () =>
    Effect.gen(function* () {
      const { signIn, by } = yield* served()
      const { cookie } = pairOf(yield* signIn({ key: "owner-key" }))
      const others = [`${cookie}x`, cookie.slice(0, -1), cookie.replace("mss_", "msl_"), "meshes_session="]
      for (const other of [...others, `x${cookie}`, "meshes_session=owner-key", `meshes_session=mss_${"0".repeat(69)}`])
        assert.strictEqual((yield* by({ cookie: other }, "GET", "/me")).status, 401, other)
      assert.strictEqual((yield* by({ cookie: `a=b; ${cookie}; c=d` }, "GET", "/me")).status, 200)
    }),
  )
})

describe("a member", () => {
  const acme = (members: AccountPlan["members"]): ReadonlyMap<string, AccountPlan> =>
    new Map([["acme", { id: "acme", members, workspaces: ["acme"] }]])
  const withMembers = (members: AccountPlan["members"]) => ({ ...planOf(["acme", "globex"]), accounts: acme(members) })

  it.live("may do what the role says, at this moment", () =>
    Effect.gen(function* () {
      const { signIn, by, setPlan, issued } = yield* served()
      // As a key's, but for its parent.
      const cookie = pairOf(yield* signIn({ key: "support-key" }))
      const [[id, kept]] = [...issued.sessions] as [[string, { revision: number; session: Session }]]
      const parent = { account: "acme", email: "ada@acme.test" }
      issued.sessions.set(id, { ...kept, session: { ...kept.session, parent } })
      for (const [role, scopes] of [
        ["member", ["read"]],
        ["admin", ["read", "payload:read", "operate"]],
        ["owner", ["admin"]],
      ] as const) {
        setPlan(withMembers([{ email: "ada@acme.test", role }]))
        const { json } = yield* by(cookie, "GET", "/me")
        const { expires_at: _, ...rest } = json
        const name = "ada@acme.test"
        assert.deepStrictEqual(rest, { kind: "member", name, scopes, workspaces: ["acme"], account: "acme", role })
        const refused = yield* by({ ...cookie, ...ownPage }, "POST", "/keys", {})
        if (role !== "owner") assert.include(refused.json.message, "the member ada@acme.test may not admin")
        assert.strictEqual((yield* by(cookie, "GET", "/workspaces/globex")).status, 404)
      }
      setPlan(withMembers([{ email: "grace@acme.test", role: "owner" }]))
      assert.strictEqual((yield* by(cookie, "GET", "/me")).status, 401)
    }),
  )
})

describe("a minted session", () => {
  it.live("is asked for with all that is wrong told at once", () =>
    Effect.gen(function* () {
      const { as } = yield* served()
      const wrong = function* (change: object) {
        const { status, json } = yield* as("owner", "POST", "/sessions", { ...terms, ...change })
        return [status, ...(json.errors ?? []).map((one: any) => one.path)]
      }
      const all = {
        workspace: "?",
        role: "boss",
        allowed_origins: [],
        user: "a\u202eb",
        resource: "",
        resource_id: "a b",
      }
      const paths = ["workspace", "role", "allowed_origins", "user", "resource", "resource_id"]
      assert.deepStrictEqual(yield* wrong(all), [400, ...paths])
      assert.deepStrictEqual(yield* wrong({ allowed_origins: ["*"] }), [400, "allowed_origins[0]"])
      const origins = [
        "https://app.example.com/",
        "app.example.com",
        "https://*.example.com",
        "https://a;sandbox",
        "https://a,b",
        "null",
        7,
      ]
      assert.deepStrictEqual(yield* wrong({ allowed_origins: origins }), [
        400,
        ...origins.map((_, i) => `allowed_origins[${i}]`),
      ])
      const many = Array.from({ length: limits.sessionOrigins + 1 }, (_, i) => `https://${i}.example.com`)
      assert.deepStrictEqual(yield* wrong({ allowed_origins: many }), [400, "allowed_origins"])
      assert.deepStrictEqual(yield* wrong({ resource_id: "7" }), [400, "resource_id"])
      assert.deepStrictEqual(yield* wrong({ scopes: ["admin"] }), [400, "scopes"])
      assert.strictEqual((yield* as("owner", "POST", "/sessions", "[")).status, 400)
    }),
  )

  it.live("is for admins of its workspace; another's is one that is not there", () =>
    Effect.gen(function* () {
      const { as } = yield* served()
      const ask = function* (name: string, workspace: string) {
        const { status, text } = yield* as(name, "POST", "/sessions", { ...terms, workspace })
        return [status, text]
      }
      assert.strictEqual((yield* ask("support", "acme"))[0], 403)
      assert.strictEqual((yield* ask("owner", "acme"))[0], 201)
      assert.strictEqual((yield* ask("owner", "globex"))[0], 404)
      assert.deepStrictEqual(yield* ask("owner", "globex"), yield* ask("owner", "nobodys"))
      const { json } = yield* as("owner", "GET", "/sessions")
      assert.strictEqual(json.count, 1)
      assert.strictEqual((yield* as("stranger", "GET", "/sessions")).json.count, 0)
      const [{ id }] = json.records
      assert.deepStrictEqual(
        (yield* as("stranger", "DELETE", `/sessions/${id}`)).text,
        (yield* as("stranger", "DELETE", "/sessions/ses_none")).text,
      )
      assert.strictEqual((yield* as("stranger", "GET", "/sessions?workspace=acme")).status, 403)
      assert.strictEqual((yield* as("owner", "DELETE", `/sessions/${id}`)).status, 204)
      assert.strictEqual((yield* as("owner", "DELETE", `/sessions/${id}`)).status, 404)
    }),
  )

  it.live("is launched in time or never, and its token is over before it is", () =>
    Effect.gen(function* () {
      const { as, by, change, issued } = yield* served()
      const minted = yield* as("owner", "POST", "/sessions", { ...terms, user: "user 7", resource: "order" })
      const launch = launchIn(minted)
      const launched = () => by({}, "POST", "/sessions/launch", { launch })
      const { launch: once } = [...issued.sessions.values()][0]!.session!
      change((session) => ({ ...session, launch: { ...once!, ends: Date.now() - 1 } }))
      assert.strictEqual((yield* launched()).status, 401)
      change((session) => ({ ...session, launch: once! }))
      const { status, json, headers } = yield* launched()
      assert.deepStrictEqual([status, headers["cache-control"]], [200, "no-store"])
      assert.closeTo(Date.parse(json.token_expires_at), Date.now() + limits.sessionTokenMs, 60_000)
      const me = (token: string) => by({ authorization: `Bearer ${token}` }, "GET", "/me")
      const { json: who } = yield* me(json.token)
      assert.deepInclude(who, { kind: "embed", name: "user 7", role: "admin", workspaces: ["acme"], resource: "order" })
      const refreshed = yield* by({ authorization: `Bearer ${json.token}` }, "POST", "/sessions/refresh")
      assert.strictEqual((yield* me(refreshed.json.token)).status, 200)
      const over = (which: number) => (session: Session) => ({
        ...session,
        tokens: session.tokens.map((token, i) => (i === which ? { ...token, ends: Date.now() - 1 } : token)),
      })
      change(over(0))
      assert.deepStrictEqual([(yield* me(json.token)).status, (yield* me(refreshed.json.token)).status], [401, 200])
      const again = yield* by({ authorization: `Bearer ${json.token}` }, "POST", "/sessions/refresh")
      assert.strictEqual(again.status, 401)
      change(over(1))
      assert.strictEqual((yield* me(refreshed.json.token)).status, 401)
      assert.deepStrictEqual(
        issued.audited.map(({ what, by }) => [what, by]),
        [
          ["session.created", "key:owner"],
          ["session.launched", "session:user 7"],
        ],
      )
    }),
  )

  it.live("may do what its role may and its minter too, and mints nothing itself", () =>
    Effect.gen(function* () {
      const { as, by, setPlan } = yield* served()
      const minted = yield* as("owner", "POST", "/sessions", { ...terms, role: "owner" })
      const { json } = yield* by({}, "POST", "/sessions/launch", { launch: launchIn(minted) })
      const token = { authorization: `Bearer ${json.token}` }
      const me = function* (rest: Parameters<typeof key>[1]) {
        setPlan(planOf(["acme", "globex"], [key("owner", rest)]))
        const { status, json } = yield* by(token, "GET", "/me")
        return [status, json.scopes, json.workspaces]
      }
      assert.deepStrictEqual(yield* me({ scopes: ["admin"] }), [200, ["admin"], ["acme"]])
      const mint = yield* by(token, "POST", "/sessions", terms)
      assert.deepStrictEqual([mint.status, mint.json.message.includes("may not mint")], [403, true])
      const nothing = [401, undefined, undefined]
      assert.deepStrictEqual(yield* me({ scopes: ["admin"], workspaces: ["globex"] }), nothing)
      assert.deepStrictEqual(yield* me({ scopes: ["read"] }), nothing)
      assert.deepStrictEqual(yield* me({ scopes: ["admin"], expires: 1 }), nothing)
    }),
  )

  it.live("keeps only so many tokens, and so many of one workspace are there", () =>
    Effect.gen(function* () {
      const { as, by, issued } = yield* served()
      const { json } = yield* by({}, "POST", "/sessions/launch", {
        launch: launchIn(yield* as("owner", "POST", "/sessions", terms)),
      })
      let { token } = json
      for (let i = 0; i < limits.sessionTokens; i++) {
        const next = yield* by({ authorization: `Bearer ${token}` }, "POST", "/sessions/refresh")
        token = next.json.token
      }
      const [kept] = issued.sessions.values()
      assert.strictEqual(kept!.session!.tokens.length, limits.sessionTokens)
      assert.strictEqual((yield* by({ authorization: `Bearer ${json.token}` }, "GET", "/me")).status, 401)
      assert.strictEqual((yield* by({ authorization: `Bearer ${token}` }, "GET", "/me")).status, 200)
      for (let i = 1; i < limits.sessionsPerWorkspace; i++)
        issued.sessions.set(`ses_${i}`, { ...kept!, session: { ...kept!.session!, id: `ses_${i}` } })
      assert.strictEqual((yield* as("owner", "POST", "/sessions", terms)).status, 429)
      assert.strictEqual((yield* as("stranger", "POST", "/sessions", { ...terms, workspace: "globex" })).status, 201)
    }),
  )
})
