/**
 * Who is asking, and what they may do. A key is a long random text that its owner sends along; only its SHA-256 is ever kept, so a
 * look-up by hash tells nobody anything by the time it takes.
 *
 * Keys come from the environment (the first admin key, the settings), from the config's plan, which a reload may change, and from the log:
 * those that were made while the runtime ran (`log/issued-keys.ts`). Whoever signed in sends a session's token instead, which stands for the
 * session's parent.
 */
import { hash, randomBytes } from "node:crypto"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import { CurrentPlan } from "../config/current-plan.ts"
import type { KeyDeclaration, KeyPlan, Plan } from "../config/plan.ts"
import type { SettingsKey } from "../config/settings.ts"
import { IssuedKeys } from "../log/issued-keys.ts"
import { logTime } from "../log/log-time.ts"
import { KnownSessions } from "../log/sessions.ts"
import type { Issue } from "../model/errors.ts"
import type { IssuedKey, Scope } from "../model/key.ts"
import type { Session } from "../model/session.ts"
import { allows, type Identity } from "./identity.ts"
import { identityOfSession, identityWithin, type Parents } from "./session-identity.ts"
import { readToken, sessionTokenIn } from "./session-token.ts"

export type { Scope } from "../model/key.ts"
export { allows, allowsOrigin, allowsType, type Identity } from "./identity.ts"

/** Random bytes in a key that is made here. */
const keyBytes = 32
/** Longer ones are not looked at. */
const keyCharactersMax = 512
/** `over`: a session was sent that is no longer one. */
export type NotKnown = "missing" | "unknown" | "expired" | "over"

export class Keys extends Context.Service<
  Keys,
  {
    /** @param headers names in lower case */
    readonly authenticate: (headers: {
      readonly [name: string]: string | undefined
    }) => Result.Result<Identity, NotKnown>
    /** The holder of a key. */
    readonly holderOf: (key: string) => Result.Result<Identity, NotKnown>
    /** Whoever has that session, if its parent still allows it. */
    readonly within: (session: Session) => Identity | undefined
    /** Whose key is sent, if it has expired. */
    readonly expired: (headers: { readonly [name: string]: string | undefined }) => Identity | undefined
    /** Whether pages of this origin may use any key: what is told to a browser that has not sent one yet. */
    readonly welcomes: (origin: string) => boolean
  }
>()("meshes/Keys") {
  /** @param options `adminKey`: a key that may do everything; `keys`: those of the settings, beside the plan's own */
  static readonly layer = (options: {
    readonly adminKey?: string | undefined
    readonly keys: ReadonlyArray<KeyPlan>
  }): Layer.Layer<Keys, never, CurrentPlan | IssuedKeys | KnownSessions> =>
    Layer.effect(
      Keys,
      Effect.gen(function* () {
        const current = yield* CurrentPlan
        const issued = yield* IssuedKeys
        const sessions = yield* KnownSessions
        const fixed = [...(options.adminKey === undefined ? [] : [adminKeyPlan(options.adminKey)]), ...options.keys]
        let plan: Plan | undefined
        let index: ReadonlyMap<string, Known> = new Map()
        const made = new WeakMap<IssuedKey, Known>()
        const declared = (): ReadonlyMap<string, Known> => {
          const now = current.get()
          if (now !== plan) {
            index = new Map([...now.keys, ...fixed].map((one) => [one.hash.toLowerCase(), toKnown(one)]))
            plan = now
          }
          return index
        }
        const find = (hash: string): Known | undefined => {
          const here = declared().get(hash)
          if (here !== undefined) return here
          const record = issued.find(hash)
          if (record === undefined) return undefined
          let known = made.get(record)
          if (known === undefined) made.set(record, (known = toKnown(record)))
          if (!isOver(known)) issued.used(record.id)
          return known
        }
        const origins = makeOrigins(declared, issued)
        const parents = (): Parents => ({
          plan: current.get(),
          holderOf: (hash) => Result.getOrUndefined(holder(find(hash))),
        })
        const inSession = (text: string): Result.Result<Identity, NotKnown> => {
          const token = readToken("session", text)
          const session = token === undefined ? undefined : sessions.find(token.id)?.session
          const identity = session === undefined ? undefined : identityOfSession(session, token!.hash, parents())
          return identity === undefined ? over : Result.succeed(identity)
        }
        return {
          authenticate: (headers) => {
            const token = sessionTokenIn(headers)
            return token === undefined ? authenticate(headers, find) : inSession(token)
          },
          holderOf: (key) => holder(find(hashKey(bounded(key)))),
          within: (session) => identityWithin(session, parents()),
          expired: (headers) => {
            const known = find(hashKey(keyIn(headers) ?? ""))
            return known !== undefined && isOver(known) ? known.identity : undefined
          },
          welcomes: (origin) => Math.max(origins().get(origin) ?? 0, origins().get("*") ?? 0) > logTime(),
        }
      }),
    )
}

/** Until when some publishable key lets pages of an origin publish; worked out again when keys have come or gone. */
const makeOrigins = (declared: () => ReadonlyMap<string, Known>, issued: IssuedKeys["Service"]) => {
  let from: { readonly index: ReadonlyMap<string, Known>; readonly version: number } | undefined
  let origins = new Map<string, number>()
  return (): ReadonlyMap<string, number> => {
    const now = { index: declared(), version: issued.version() }
    if (from?.index === now.index && from.version === now.version) return origins
    origins = new Map()
    for (const { identity, expires } of [...now.index.values(), ...issued.list().map(({ key }) => toKnown(key))]) {
      for (const origin of identity.origins ?? []) origins.set(origin, Math.max(expires, origins.get(origin) ?? 0))
    }
    from = now
    return origins
  }
}

/** A new key, to be shown once: `msh_…`, or `msh_pub_…` for one that may be seen; 256 random bits. */
export const generateKey = (publishable = false): string =>
  `msh_${publishable ? "pub_" : ""}${randomBytes(keyBytes).toString("base64url")}`

/** What is kept of a key: its SHA-256 in hex. */
export const hashKey = (key: string): string => hash("sha256", key, "hex")

/** The keys of the config and of the environment, hashed; or the secrets that are missing. */
export const hashKeys = (
  declared: ReadonlyArray<KeyDeclaration>,
  given: ReadonlyArray<SettingsKey>,
  secretOf: (name: string) => Result.Result<string, string>,
): Result.Result<ReadonlyArray<KeyPlan>, ReadonlyArray<Issue>> => {
  const issues: Array<Issue> = []
  const keys: Array<KeyPlan> = given.map(({ key, ...rest }) => ({ ...rest, hash: hashKey(key) }))
  for (const { secret, ...rest } of declared) {
    const found = secretOf(secret.name)
    if (Result.isSuccess(found)) keys.push({ ...rest, hash: hashKey(found.success) })
    else issues.push({ path: ["keys", rest.name, "key"], message: found.failure })
  }
  return issues.length === 0 ? Result.succeed(keys) : Result.fail(issues)
}

const adminKeyPlan = (key: string): KeyPlan => ({
  name: "admin",
  hash: hashKey(key),
  scopes: ["admin"],
  publishable: false,
})

const publishOnly: ReadonlySet<Scope> = new Set(["publish"])

/** A key's holder, until it expires. */
interface Known {
  readonly identity: Identity
  readonly expires: number
}

/** By the log's clock, so that all replicas say the same. */
const isOver = ({ expires }: Known): boolean => expires <= logTime()

const toKnown = (key: KeyPlan | IssuedKey): Known => ({
  expires: key.expires ?? Number.POSITIVE_INFINITY,
  identity: {
    kind: "key",
    name: key.name,
    parent: { key: key.hash.toLowerCase() },
    ...("id" in key ? { id: key.id } : {}),
    ...(key.expires === undefined ? {} : { expires: key.expires }),
    scopes: key.publishable ? publishOnly : new Set(key.scopes),
    ...(key.workspaces === undefined ? {} : { workspaces: new Set(key.workspaces) }),
    ...(key.workspaces?.length === 1 ? { onlyWorkspace: key.workspaces[0]! } : {}),
    ...(key.publishable ? { origins: new Set(key.allowedOrigins) } : {}),
    ...(key.eventTypes === undefined ? {} : { eventTypes: key.eventTypes }),
  },
})

const authenticate = (
  headers: { readonly [name: string]: string | undefined },
  find: (hash: string) => Known | undefined,
): Result.Result<Identity, NotKnown> => {
  const key = keyIn(headers)
  if (key === undefined) return Result.fail("missing")
  const identity = holder(find(hashKey(key)))
  if (headers.authorization !== undefined || Result.isFailure(identity)) return identity
  // Whatever the key may do elsewhere, by this header it may only publish.
  return allows(identity.success, "publish") ? Result.succeed({ ...identity.success, scopes: publishOnly }) : unknown
}

/** The key that was sent; empty: something else was. */
const keyIn = ({
  authorization,
  "x-meshes-publishable-key": publishable,
}: {
  readonly [name: string]: string | undefined
}): string | undefined => {
  const key = authorization === undefined ? publishable : (bearerPattern.exec(authorization)?.[1] ?? "")
  return key === undefined ? undefined : bounded(key)
}

const bounded = (key: string): string => (key.length <= keyCharactersMax ? key : "")

const bearerPattern = /^Bearer +(\S+) *$/i

const unknown: Result.Result<Identity, NotKnown> = Result.fail("unknown")
const expired: Result.Result<Identity, NotKnown> = Result.fail("expired")
const over: Result.Result<Identity, NotKnown> = Result.fail("over")

const holder = (known: Known | undefined): Result.Result<Identity, NotKnown> => {
  if (known === undefined) return unknown
  return isOver(known) ? expired : Result.succeed(known.identity)
}
