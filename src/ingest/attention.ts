/**
 * What needs somebody: connections that nothing is sent over, and limits that are nearly used up, the worst first.
 */
import * as Effect from "effect/Effect"
import type { Identity } from "../accounts/keys.ts"
import { scopeOf } from "../accounts/scope.ts"
import { CurrentPlan } from "../config/current-plan.ts"
import { limits } from "../config/defaults.ts"
import type { Plan } from "../config/plan.ts"
import { History } from "../history/history.ts"
import { ConnectionStates } from "../log/connections.ts"
import { logTime } from "../log/log-time.ts"
import { attentionKinds, type AttentionKind } from "../model/activity.ts"
import { secretMissing, type ConnectionState } from "../model/connection-state.ts"
import { monthOf, percentOf, warningPercents, type UsageScope } from "../model/usage.ts"
import { reauthorizationRequired } from "../secrets/authorization.ts"
import { timeText } from "./records.ts"

interface Attention {
  readonly kind: AttentionKind
  readonly workspace: string
  readonly connection?: string
  readonly account?: string
  /** In milliseconds. */
  readonly since?: number
  readonly by?: string
  readonly percent?: number
  readonly message: string
}

export const makeAttention = Effect.gen(function* () {
  const current = yield* CurrentPlan
  const states = yield* ConnectionStates
  const history = yield* History

  const connections = (sees: Sees): ReadonlyArray<Attention> => {
    const { workspaces } = current.get()
    return [...states.troubled()].flatMap(({ workspace, connection, state }) =>
      sees(workspace) && workspaces.get(workspace)?.connections.has(connection) === true
        ? [{ workspace, connection, ...troubleOf(state) }]
        : [],
    )
  }

  let known: { readonly plan: Plan; readonly at: number; readonly near: ReadonlyArray<Near> } | undefined
  /** Limits of anybody that are nearly used up. Looked at now and then: there may be one for each of many workspaces. */
  const near = Effect.gen(function* () {
    const plan = current.get()
    if (known?.plan === plan && performance.now() - known.at < limits.attentionUsageMs) return known.near
    const scopes = new Set<UsageScope>()
    for (const workspace of plan.accounts === undefined ? [] : plan.workspaces.keys()) {
      const scope = scopeOf(plan, workspace)
      if (scope !== undefined) scopes.add(scope)
    }
    const asked = [...scopes].flatMap(({ workspaces }) => workspaces)
    const used = asked.length === 0 ? [] : yield* history.usage(asked, monthOf(logTime()))
    const events = new Map(used.map((one) => [one.workspace, one.events]))
    const found = [...scopes].flatMap((scope): ReadonlyArray<Near> => {
      const sum = scope.workspaces.reduce((before, one) => before + (events.get(one) ?? 0), 0)
      return percentOf(sum, scope.limit) < warningPercents[0] ? [] : [{ scope, sum }]
    })
    known = { plan, at: performance.now(), near: found }
    return found
  })

  return Effect.fnUntraced(function* ({ workspaces }: Identity) {
    const sees: Sees = (workspace) => workspaces?.has(workspace) ?? true
    const found = [
      ...connections(sees),
      ...(yield* near).filter(({ scope }) => scope.workspaces.every(sees)).map(limitOf),
    ]
      .map((one) => ({ one, rank: attentionKinds.indexOf(one.kind) }))
      .toSorted((a, b) => a.rank - b.rank || (b.one.since ?? 0) - (a.one.since ?? 0))
    return {
      shown: found.slice(0, limits.attentionShown).map(({ one: { since, ...one } }) => ({
        ...one,
        since: since === undefined ? undefined : timeText(since),
      })),
      more: found.length > limits.attentionShown,
    }
  })
})

/** What reasons begin with that programs know, in words where no more is said. */
const said: { readonly [code: string]: string } = {
  [reauthorizationRequired]:
    "the vendor no longer takes its authorization, or has none yet: somebody must authorize it",
  [secretMissing]: "a secret that its settings name is not there: somebody must set it",
}

/** Where the runtime stopped it: what for, and what was said of it. */
const codeIn = (reason: string): string | undefined =>
  Object.keys(said).find((code) => reason === code || reason.startsWith(`${code}: `))

/** A limit of which much is used. Who does not see all that share it is not told of it. */
interface Near {
  readonly scope: UsageScope
  readonly sum: number
}

const limitOf = ({ scope, sum }: Near): Attention => {
  const percent = percentOf(sum, scope.limit)
  const used = `${sum} of the ${scope.limit} events a month of the ${scope.kind} ${scope.name} are used`
  return {
    kind: percent < 100 ? "limit_near" : "limit_reached",
    workspace: scope.workspaces[0]!,
    ...(scope.kind === "account" ? { account: scope.name } : {}),
    percent,
    message: percent < 100 ? used : `${used}: more are ${scope.hard ? "refused" : "counted"}`,
  }
}

type Sees = (workspace: string) => boolean

const troubleOf = ({
  state,
  reason,
  at,
  by,
}: ConnectionState): Pick<Attention, "kind" | "since" | "by" | "message"> => {
  const code = codeIn(reason)
  const more = code === undefined ? reason : reason.slice(code.length + 2)
  return {
    kind:
      state === "open"
        ? "circuit_open"
        : code === reauthorizationRequired
          ? "authorization_refused"
          : by === "runtime"
            ? "connection_stopped"
            : "connection_paused",
    since: at,
    by,
    message: more !== "" ? more : code === undefined ? "no reason was given" : said[code]!,
  }
}
