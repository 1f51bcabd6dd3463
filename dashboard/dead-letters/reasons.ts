/**
 * What was given up by why, in the portions that an operation can be asked to do together: of one connection, with one outcome.
 */
import type { CallOutput } from "../api/contract.ts"
import type { ManyFilter } from "../parts/many.tsx"

type Group = CallOutput<"GET /api/v1/workspaces/:workspace/dead-letters/groups">["records"][number]

/** Groups that differ in their HTTP status alone. */
export interface Reason extends Omit<Group, "http_status"> {
  readonly key: string
  readonly answers: ReadonlyArray<readonly [status: number, count: number]>
}

export const reasonsOf = (groups: ReadonlyArray<Group>): ReadonlyArray<Reason> => {
  const reasons = new Map<string, Reason>()
  for (const { http_status, ...group } of groups) {
    const key = `${group.connection} ${group.outcome}`
    const before = reasons.get(key)
    const answers = http_status === undefined ? [] : [[http_status, group.count] as const]
    reasons.set(key, before === undefined ? { ...group, key, answers } : joined(before, { ...group, key, answers }))
  }
  return [...reasons.values()]
}

const joined = (a: Reason, b: Reason): Reason => ({
  ...(a.last_at > b.last_at ? a : b),
  count: a.count + b.count,
  first_at: a.first_at < b.first_at ? a.first_at : b.first_at,
  answers: [...a.answers, ...b.answers],
})

/** As few operations as do it: one for a connection of which all is chosen, else one for each of its reasons. */
export const filtersOf = (chosen: ReadonlyArray<Reason>, all: ReadonlyArray<Reason>): ReadonlyArray<ManyFilter> =>
  [...new Set(chosen.map(({ connection }) => connection))].flatMap((connection): ReadonlyArray<ManyFilter> => {
    const of = (reasons: ReadonlyArray<Reason>) => reasons.filter((reason) => reason.connection === connection)
    if (of(chosen).length === of(all).length) return [{ connection }]
    return of(chosen).map(({ outcome }) => ({ connection, outcome }))
  })
