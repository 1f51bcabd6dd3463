/**
 * What was given up, by connection and reason, and how to send it again.
 */
import { outcomeKinds } from "../../src/model/outcome.ts"
import { useList } from "../api/use.ts"
import { areCounted, Groups, NoLetters } from "../dead-letters/groups.tsx"
import { Button } from "../parts/button.tsx"
import { deliveryColumn, useNames } from "../parts/deliveries.tsx"
import { ChoiceFilter, FilterBar, PeriodFilter, TextFilter, useFilters, type Filters } from "../parts/filters.tsx"
import { Behind, useLive } from "../parts/live.tsx"
import { ManyButton, manyOf } from "../parts/many.tsx"
import { Operations } from "../parts/operations.tsx"
import { Card, Page, useWorkspace } from "../parts/page.tsx"
import { ListTable } from "../parts/table.tsx"
import { useBound, useMe } from "../session.tsx"

const outcomes = outcomeKinds
  .filter((kind) => kind !== "delivered")
  .map((kind) => [kind, kind.replaceAll("_", " ")] as const)

const filterNames = ["connection", "outcome", "rule", "event", "replay", "resource", "resource_id", "from", "to"]

export const DeadLettersPage = () => {
  const filters = useFilters(filterNames)
  // They are counted over the whole workspace.
  const bound = useBound()
  return (
    <Page
      title="Dead letters"
      lead="Deliveries that were given up: their attempts are used up, or no further one could help. They are kept, and can be sent again."
    >
      <Filter filters={filters} />
      <Operations are="running" />
      {!bound && areCounted(filters.values) && <Groups filters={filters} />}
      <Letters filters={filters} />
      <Operations are="over" />
    </Page>
  )
}

const Filter = ({ filters }: { readonly filters: Filters }) => {
  const me = useMe()
  const names = useNames(useWorkspace())
  return (
    <FilterBar label="Filters of dead letters">
      <TextFilter filters={filters} name="connection" label="Connection" known={names.connections} />
      <ChoiceFilter filters={filters} name="outcome" label="Reason" choices={outcomes} />
      <PeriodFilter filters={filters} />
      <TextFilter filters={filters} name="rule" label="Rule" known={names.rules} />
      <TextFilter filters={filters} name="event" label="Event" placeholder="evt_…" />
      <TextFilter filters={filters} name="replay" label="Replay" placeholder="rpl_…" />
      {me.resource === undefined && <TextFilter filters={filters} name="resource" label="Resource" />}
      {me.resource_id === undefined && <TextFilter filters={filters} name="resource_id" label="Resource id" />}
    </FilterBar>
  )
}

const Letters = ({ filters }: { readonly filters: Filters }) => {
  const workspace = useWorkspace()
  const { every, button } = useLive()
  const list = useList(
    "GET /api/v1/workspaces/:workspace/dead-letters",
    { params: { workspace }, query: filters.values },
    { every },
  )
  const these = manyOf(filters.values, "retry")
  const narrowed = Object.keys(filters.values).length > 0
  const acts = (
    <>
      {narrowed && (
        <Button size="small" kind="quiet" onClick={filters.clear}>
          Clear the filters
        </Button>
      )}
      {these !== undefined && <ManyButton label="Retry these…" size="small" action="retry" filters={[these]} />}
      {button}
    </>
  )
  return (
    <Card title="One by one, latest first" acts={acts} flush>
      <Behind asOf={list.asOf} />
      <ListTable
        label="Dead letters"
        list={list}
        keyOf={({ id }) => id}
        columns={[
          deliveryColumn.event,
          deliveryColumn.connection,
          deliveryColumn.rule,
          deliveryColumn.attempts,
          deliveryColumn.last,
          deliveryColumn.created,
          deliveryColumn.open,
        ]}
        empty={<NoLetters narrowed={narrowed} />}
      />
    </Card>
  )
}
