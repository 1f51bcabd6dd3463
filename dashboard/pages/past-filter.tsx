/**
 * Which past events, and which of their deliveries: what replays and backtests choose by. Kept in the page's address, told in words.
 */
import type { ReactNode } from "react"
import { earlierStates } from "../../src/model/replay.ts"
import type { CallInput, RecordOf } from "../api/contract.ts"
import { useCall, useList } from "../api/use.ts"
import { ChoiceFilter, FilterBar, PeriodFilter, TextFilter, type Filters } from "../parts/filters.tsx"
import { Facts } from "../parts/page.tsx"
import { Time } from "../parts/time.tsx"
import { useMay, useMe } from "../session.tsx"

export type Replay = RecordOf<"GET /api/v1/workspaces/:workspace/replays">
type Filter = Replay["filter"]
type ReplayBody = NonNullable<CallInput<"POST /api/v1/workspaces/:workspace/replays">["body"]>

/** The address's parameters, called as the API calls them. */
export const pastNames = [
  ...["from", "to", "type", "resource", "resource_id", "rule", "connection", "status", "expression"],
] as const

const several = (text: string): ReadonlyArray<string> =>
  text
    .split(",")
    .map((one) => one.trim())
    .filter((one) => one !== "")

const oneOrMany = (text: string): string | ReadonlyArray<string> => {
  const all = several(text)
  return all.length === 1 ? all[0]! : all
}

/** What the API is asked, of what the address says. */
export const pastOf = (values: Filters["values"]): Omit<ReplayBody, "rate" | "same_ids" | "dry_run" | "requests"> =>
  Object.fromEntries(
    pastNames.flatMap((name) => {
      const value = values[name]
      if (value === undefined) return []
      return [[name, name === "type" || name === "status" ? oneOrMany(value) : value]]
    }),
  )

/** The address's parameters that ask for the same once more. */
export const searchOf = (filter: Filter): string =>
  new URLSearchParams(Object.entries(filter).map(([name, value]) => [name, [value].flat().join(",")])).toString()

const earlierLabels: { readonly [S in (typeof earlierStates)[number]]: string } = {
  none: "were not made before",
  pending: "are pending",
  retrying: "are retrying",
  delivered: "were delivered",
  dead: "were given up (dead)",
  cancelled: "were canceled",
}

/** @param earlier whether one may choose by what became of the deliveries before */
export const PastFilter = ({
  workspace,
  filters,
  earlier,
  children,
}: {
  readonly workspace: string
  readonly filters: Filters
  readonly earlier: boolean
  readonly children?: ReactNode
}) => {
  const params = { workspace }
  const types = useCall("GET /api/v1/workspaces/:workspace/event-types", { params })
  const rules = useList("GET /api/v1/workspaces/:workspace/rules", { params })
  const connections = useList("GET /api/v1/workspaces/:workspace/connections", { params })
  const me = useMe()
  const mayLook = useMay("payload:read")
  const ids = (records: ReadonlyArray<{ readonly id: string }> | undefined) => records?.map(({ id }) => id) ?? []
  return (
    <FilterBar label="Which events and deliveries">
      <PeriodFilter filters={filters} />
      <TextFilter
        filters={filters}
        name="type"
        label="Event type"
        placeholder="lead.*, invoice.paid"
        known={types.data?.records.map(({ type }) => type) ?? []}
      />
      {me.resource === undefined && <TextFilter filters={filters} name="resource" label="Resource" />}
      {me.resource_id === undefined && <TextFilter filters={filters} name="resource_id" label="Resource's id" />}
      <TextFilter filters={filters} name="rule" label="Rule" known={ids(rules.records)} />
      <TextFilter filters={filters} name="connection" label="Connection" known={ids(connections.records)} />
      {earlier && (
        <ChoiceFilter
          filters={filters}
          name="status"
          label="Deliveries that"
          choices={earlierStates.map((state) => [state, earlierLabels[state]] as const)}
        />
      )}
      {mayLook && (
        <TextFilter
          filters={filters}
          name="expression"
          label="Expression (JSONata)"
          placeholder="payload.amount > 100"
        />
      )}
      {children}
    </FilterBar>
  )
}

const inCode = (value: string | ReadonlyArray<string> | undefined) =>
  value === undefined ? undefined : <code>{[value].flat().join(", ")}</code>

export const FilterFacts = ({ filter }: { readonly filter: Filter }) => (
  <Facts
    of={{
      From: filter.from === undefined ? "all that the log keeps" : <Time at={filter.from} />,
      Until: filter.to === undefined ? "when it was begun" : <Time at={filter.to} />,
      "Event type": inCode(filter.type) ?? "all",
      Resource: inCode(filter.resource),
      "Resource's id": inCode(filter.resource_id),
      Rule: inCode(filter.rule),
      Connection: inCode(filter.connection),
      "Deliveries that were before": inCode(filter.status),
      Expression: inCode(filter.expression),
    }}
  />
)

/** In one line, for lists. */
export const FilterWords = ({ filter }: { readonly filter: Filter }) => {
  const { from, to, ...rest } = filter
  const chosen = Object.entries(rest)
  return (
    <div className="row">
      {from !== undefined && (
        <span>
          from <Time at={from} />
        </span>
      )}
      {to !== undefined && (
        <span>
          until <Time at={to} />
        </span>
      )}
      {chosen.map(([name, value]) => (
        <span key={name} className="tag">
          {name.replaceAll("_", " ")}: {[value].flat().join(", ")}
        </span>
      ))}
      {Object.keys(filter).length === 0 && <span className="dim">everything that the log keeps</span>}
    </div>
  )
}
