/**
 * Deliveries of a workspace, the latest first.
 */
import { outcomeKinds } from "../../src/model/outcome.ts"
import { statuses } from "../../src/model/status.ts"
import { useList } from "../api/use.ts"
import { deliveryColumn, useNames } from "../parts/deliveries.tsx"
import { Button } from "../parts/button.tsx"
import { ChoiceFilter, FilterBar, PeriodFilter, TextFilter, useFilters, type Filters } from "../parts/filters.tsx"
import { Behind, useLive } from "../parts/live.tsx"
import { ManyButton, manyOf } from "../parts/many.tsx"
import { Card, Page, useWorkspace } from "../parts/page.tsx"
import { Empty, publishCommand } from "../parts/states.tsx"
import { ListTable } from "../parts/table.tsx"
import { useMe } from "../session.tsx"

const outcomes = outcomeKinds.map((kind) => [kind, kind.replaceAll("_", " ")] as const)

export const DeliveriesPage = () => {
  const workspace = useWorkspace()
  const me = useMe()
  const filters = useFilters([
    "status",
    "connection",
    "rule",
    "outcome",
    "event",
    "replay",
    "resource",
    "resource_id",
    "from",
    "to",
  ])
  const { every, button } = useLive()
  const names = useNames(workspace)
  const list = useList(
    "GET /api/v1/workspaces/:workspace/deliveries",
    { params: { workspace }, query: filters.values },
    { every },
  )
  return (
    <Page
      title="Deliveries"
      lead="What rules made of events: each is one event on its way over one connection."
      acts={<Many filters={filters} />}
    >
      <FilterBar label="Filters of deliveries">
        <ChoiceFilter filters={filters} name="status" label="Status" choices={statuses} />
        <TextFilter filters={filters} name="connection" label="Connection" known={names.connections} />
        <TextFilter filters={filters} name="rule" label="Rule" known={names.rules} />
        <ChoiceFilter filters={filters} name="outcome" label="Last outcome" choices={outcomes} />
        <TextFilter filters={filters} name="event" label="Event" placeholder="evt_…" />
        <TextFilter filters={filters} name="replay" label="Replay" placeholder="rpl_…" />
        {me.resource === undefined && <TextFilter filters={filters} name="resource" label="Resource" />}
        {me.resource_id === undefined && <TextFilter filters={filters} name="resource_id" label="Resource id" />}
        <PeriodFilter filters={filters} />
      </FilterBar>
      <Behind asOf={list.asOf} />
      <Card title="Latest first" acts={button} flush>
        <ListTable
          label="Deliveries"
          list={list}
          keyOf={({ id }) => id}
          columns={[
            deliveryColumn.status,
            deliveryColumn.event,
            deliveryColumn.rule,
            deliveryColumn.connection,
            deliveryColumn.attempts,
            deliveryColumn.last,
            deliveryColumn.created,
            deliveryColumn.open,
          ]}
          empty={
            Object.keys(filters.values).length > 0 ? (
              <Empty title="No delivery is so">
                <p>None that the history knows fits all of the filters.</p>
                <Button onClick={filters.clear}>Clear the filters</Button>
              </Empty>
            ) : (
              <Empty title="There are no deliveries yet">
                <p>
                  They are made as events come in that a rule wants. Publish one:{" "}
                  <code>{publishCommand(workspace)}</code>
                </p>
              </Empty>
            )
          }
        />
      </Card>
    </Page>
  )
}

const Many = ({ filters: { values } }: { readonly filters: Filters }) => {
  const retry = manyOf(values, "retry")
  const cancel = manyOf(values, "cancel")
  return (
    <>
      {retry !== undefined && <ManyButton label="Retry many…" action="retry" filters={[retry]} />}
      {cancel !== undefined && <ManyButton label="Cancel many…" action="cancel" filters={[cancel]} />}
    </>
  )
}
