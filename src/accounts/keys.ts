/**
 * Who is asking, and what they may do. A key is a long random text that its owner sends along; only its SHA-256 is ever kept, so a
 * look-up by hash tells nobody anything by the time it takes.
 *
 * Keys come from three places: the first admin key (environment), the settings, and the config's plan, which a reload may change.
 */
import { hash, randomBytes } from "node:crypto"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import { CurrentPlan } from "../config/current-plan.ts"
import type { KeyDeclaration, KeyPlan, Plan } from "../config/plan.ts"
import type { SettingsKey } from "../config/settings.ts"
import type { Issue } from "../model/errors.ts"
import type { WorkspaceId } from "../model/ids.ts"

/** Random bytes in a key that is made here. */
const keyBytes = 32
/** Longer ones are not looked at. */
const keyCharactersMax = 512

export type Scope = KeyPlan["scopes"][number]

/** What a key lets its holder do. */
export interface Identity {
  /** The key's name, for the audit and for messages; never the key. */
  readonly name: string
  /** `admin` includes every other. */
  readonly scopes: ReadonlySet<Scope>
  /** Absent: every workspace. */
  readonly workspaces?: ReadonlySet<WorkspaceId>
  /** The workspace of the key that is bound to exactly one: for events that name none. */
  readonly onlyWorkspace?: WorkspaceId
}

export type NotKnown = "missing" | "unknown"

export class Keys extends Context.Service<
  Keys,
  {
    /** @param headers names in lower case */
    readonly authenticate: (headers: {
      readonly [name: string]: string | undefined
    }) => Result.Result<Identity, NotKnown>
  }
>()("meshes/Keys") {
  /** @param options `adminKey`: a key that may do everything; `keys`: those of the settings, beside the plan's own */
  static readonly layer = (options: {
    readonly adminKey?: string | undefined
    readonly keys: ReadonlyArray<KeyPlan>
  }): Layer.Layer<Keys, never, CurrentPlan> =>
    Layer.effect(
      Keys,
      Effect.gen(function* () {
        const current = yield* CurrentPlan
        const fixed = [...(options.adminKey === undefined ? [] : [adminKeyPlan(options.adminKey)]), ...options.keys]
        let plan: Plan | undefined
        let index: ReadonlyMap<string, Identity> = new Map()
        const identityOf = (key: string): Identity | undefined => {
          const now = current.get()
          if (now !== plan) {
            index = new Map([...now.keys, ...fixed].map((one) => [one.hash.toLowerCase(), toIdentity(one)]))
            plan = now
          }
          return index.get(hashKey(key))
        }
        return { authenticate: (headers) => authenticate(headers, identityOf) }
      }),
    )
}

/** Whether the key lets its holder do that, in that workspace if one is given. */
export const allows = (identity: Identity, scope: Scope, workspace?: WorkspaceId): boolean =>
  (identity.scopes.has(scope) || identity.scopes.has("admin")) &&
  (workspace === undefined || identity.workspaces === undefined || identity.workspaces.has(workspace))

/** A new key, to be shown once: `msh_…`, 256 random bits. */
export const generateKey = (): string => `msh_${randomBytes(keyBytes).toString("base64url")}`

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

const toIdentity = (key: KeyPlan): Identity => ({
  name: key.name,
  scopes: key.publishable ? publishOnly : new Set(key.scopes),
  ...(key.workspaces === undefined ? {} : { workspaces: new Set(key.workspaces) }),
  ...(key.workspaces?.length === 1 ? { onlyWorkspace: key.workspaces[0]! } : {}),
})

const authenticate = (
  headers: { readonly [name: string]: string | undefined },
  identityOf: (key: string) => Identity | undefined,
): Result.Result<Identity, NotKnown> => {
  const authorization = headers.authorization
  if (authorization !== undefined) {
    const bearer = bearerPattern.exec(authorization)
    return bearer === null || bearer[1]!.length > keyCharactersMax ? unknown : known(identityOf(bearer[1]!))
  }
  const publishable = headers["x-meshes-publishable-key"]
  if (publishable === undefined) return Result.fail("missing")
  if (publishable.length > keyCharactersMax) return unknown
  const identity = identityOf(publishable)
  // Whatever the key may do elsewhere, by this header it may only publish.
  return identity !== undefined && allows(identity, "publish") ? known({ ...identity, scopes: publishOnly }) : unknown
}

const bearerPattern = /^Bearer +(\S+) *$/i

const unknown: Result.Result<Identity, NotKnown> = Result.fail("unknown")

const known = (identity: Identity | undefined): Result.Result<Identity, NotKnown> =>
  identity === undefined ? unknown : Result.succeed(identity)
