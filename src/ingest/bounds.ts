/**
 * Whoever is bound to a resource: what it is shown and does is about events of that resource, whatever its scopes. Every call stands here
 * with what it is to such a caller; one that does not is refused, and does not compile.
 */
import * as Effect from "effect/Effect"
import { HttpServerRequest } from "effect/http/HttpServerRequest"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import { called } from "../accounts/identity.ts"
import { Keys, type Identity } from "../accounts/keys.ts"
import { sessionTokenIn } from "../accounts/session-token.ts"
import type { About } from "../history/about.ts"
import { Bounds, type Api } from "./api.ts"
import { type Problem, problem, problemResponse } from "./problem.ts"

/**
 * `open`: it tells of no event. `limited`: its handler limits it, by what is below. Else it is refused, and this is what cannot be limited:
 * "… cannot be limited to it".
 */
type Bound = "open" | "limited" | { readonly refused: string }

const publishing = { refused: "publishing" }
const secrets = { refused: "a workspace's secrets" }
const keys = { refused: "what a key may see" }
const sessions = { refused: "what a session may see" }
const audit = { refused: "the audit" }
const activity = { refused: "how much happens" }
const usage = { refused: "usage" }
const connection = { refused: "what is done to a connection, which carries the events of others too," }

type Groups = (typeof Api)["groups"]

const bounds: { readonly [G in keyof Groups]: { readonly [E in keyof Groups[G]["endpoints"]]: Bound } } = {
  events: { publish: publishing, bulk: publishing },
  workspaces: { list: "open", show: "open", rules: "open", eventTypes: "limited", resources: "limited" },
  activity: { overview: activity, series: activity, parts: activity },
  past: {
    events: "limited",
    event: "limited",
    deliveries: "limited",
    delivery: "limited",
    deadLetters: "limited",
    deadGroups: "limited",
  },
  aliases: { attempts: "limited", ruleAttempts: "limited", retry: "limited" },
  connections: {
    list: "limited",
    show: "limited",
    pause: connection,
    resume: connection,
    authorize: connection,
    disconnect: connection,
    test: connection,
    choices: connection,
  },
  // Their pages ask for what only the links know, and look at no key.
  oauth: { link: "open", open: "open", callback: "open" },
  secrets: { list: secrets, set: secrets, remove: secrets },
  integrations: { list: "open", show: "open" },
  keys: { create: keys, list: keys, revoke: keys },
  // What they are asked for is a key, a link, or the token in use.
  signIn: { signIn: "open", signOut: "open", me: "open" },
  sessions: { mint: sessions, launch: "open", refresh: "open", list: sessions, end: sessions },
  audit: { ofWorkspace: audit, ofAll: audit },
  replays: { begin: "limited", list: "limited", show: "limited", stop: "limited" },
  // What it would do is by the config alone.
  trying: { explain: "open", backtest: { refused: "a backtest" } },
  usage: { list: usage, show: usage },
  acts: { retryDelivery: "limited", cancelDelivery: "limited", retryEvent: "limited", cancelEvent: "limited" },
  operations: { begin: "limited", list: "limited", show: "limited", stop: "limited" },
  health: { alive: "open", ready: "open", metrics: "open" },
}

const boundOfCall = (group: string, call: string): Bound =>
  (bounds as { readonly [group: string]: { readonly [call: string]: Bound } })[group]?.[call] ?? {
    refused: "this call",
  }

export const boundsLayer = Layer.effect(
  Bounds,
  Effect.map(Keys, ({ authenticate }) => (handled, { group, endpoint }) => {
    const bound = boundOfCall(group.identifier, endpoint.identifier)
    if (typeof bound === "string") return handled
    return Effect.flatMap(HttpServerRequest, ({ headers }) => {
      // Only sessions are bound: whoever comes with a key is looked up once, by the call itself.
      if (sessionTokenIn(headers) === undefined) return handled
      const identity = Result.getOrUndefined(authenticate(headers))
      return identity === undefined || !isBound(identity)
        ? handled
        : Effect.succeed(problemResponse(refusal(identity, `${bound.refused} cannot be limited to it`)))
    })
  }),
)

/** What whoever asks is bound to; nothing: it is not. */
export const aboutOf = ({ resource, resource_id }: Identity): About => ({
  ...(resource === undefined ? {} : { resource }),
  ...(resource_id === undefined ? {} : { resource_id }),
})

export const isBound = ({ resource, resource_id }: Identity): boolean =>
  resource !== undefined || resource_id !== undefined

/** Whether all that a filter leaves is about what whoever asks is bound to. */
export const isWithin = ({ resource, resource_id }: Identity, filter: About): boolean =>
  (resource === undefined || filter.resource === resource) &&
  (resource_id === undefined || filter.resource_id === resource_id)

/** A filter, limited to what whoever asks is bound to. */
export const within = <F extends About>(identity: Identity, filter: F): Result.Result<F, Problem> => {
  const { resource = identity.resource, resource_id = identity.resource_id } = filter
  return isWithin(identity, { resource, resource_id })
    ? Result.succeed({ ...filter, ...aboutOf(identity) })
    : Result.fail(refusal(identity, "leave resource and resource_id out, nothing about another is shown or done"))
}

const refusal = (identity: Identity, why: string): Problem => {
  const { resource = "any", resource_id } = identity
  const about = resource_id === undefined ? resource : `${resource}/${resource_id}`
  return problem(403, `${called(identity)} is bound to the resource ${about}: ${why}`)
}
