/**
 * Events of a workspace, the latest first.
 */
import { Link } from "wouter"
import { statuses } from "../../src/model/status.ts"
import type { RecordOf } from "../api/contract.ts"
import { useCall, useList } from "../api/use.ts"
import { Button } from "../parts/button.tsx"
import { Outcomes } from "../parts/deliveries.tsx"
import { ChoiceFilter, FilterBar, PeriodFilter, TextFilter, useFilters, type Filters } from "../parts/filters.tsx"
import { Behind, useLive } from "../parts/live.tsx"
import { Card, Page, useWorkspace, workspacePath } from "../parts/page.tsx"
import { Empty, publishCommand } from "../parts/states.tsx"
import { Status } from "../parts/status.tsx"
import { ListTable, type Column } from "../parts/table.tsx"
import { Time } from "../parts/time.tsx"
import { useMay, useMe } from "../session.tsx"

type EventRecord = RecordOf<"GET /api/v1/workspaces/:workspace/events">

const columns: ReadonlyArray<Column<EventRecord>> = [
  { label: "Status", show: ({ status }) => <Status is={status} /> },
  {
    label: "Event",
    show: ({ type, id, workspace }) => (
      <div className="short">
        <Link href={workspacePath(workspace, "events", id)}>{type}</Link>
      </div>
    ),
  },
  {
    label: "About",
    show: ({ resource, resource_id }) =>
      resource === undefined ? <span className="dim">–</span> : [resource, resource_id].filter(Boolean).join(" "),
  },
  { label: "Deliveries", show: ({ counts, reason }) => (reason === undefined ? <Outcomes of={counts} /> : reason) },
  { label: "Id", show: ({ id }) => <code className="dim">{id}</code> },
  { label: "Stored", show: ({ created_at }) => <Time at={created_at} /> },
]

export const EventsPage = () => {
  const workspace = useWorkspace()
  const filters = useFilters(["type", "resource", "resource_id", "status", "id", "text", "from", "to"])
  const { every, button } = useLive()
  const searched = filters.values["text"] !== undefined
  const list = useList(
    "GET /api/v1/workspaces/:workspace/events",
    { params: { workspace }, query: filters.values },
    searched ? { once: true } : { every },
  )
  return (
    <Page title="Events" lead="What was published, and what became of it.">
      <EventFilters filters={filters} />
      {searched && (
        <div className="notice">
          <div className="stack">
            <p>
              The text is looked for in {filters.values["from"] === undefined ? "the last 24 hours" : "the time chosen"}
              , seven days at the most. Each search is in the audit, so this list does not move by itself.
            </p>
            <div className="row">
              <Button size="small" disabled={list.isFetching} onClick={() => void list.refetch()}>
                {list.isFetching ? "Searching…" : "Search again"}
              </Button>
            </div>
          </div>
        </div>
      )}
      <Behind asOf={list.asOf} />
      <Card title="Latest first" acts={searched ? undefined : button} flush>
        <ListTable
          label="Events"
          list={list}
          keyOf={({ id, created_at }) => `${id} ${created_at}`}
          columns={columns}
          empty={<None filters={filters} />}
        />
      </Card>
    </Page>
  )
}

const EventFilters = ({ filters }: { readonly filters: Filters }) => {
  const workspace = useWorkspace()
  const me = useMe()
  const mayRead = useMay("payload:read")
  const input = { params: { workspace }, query: { limit: "200" } }
  const types = useCall("GET /api/v1/workspaces/:workspace/event-types", input)
  const resources = useCall("GET /api/v1/workspaces/:workspace/resources", input, {
    enabled: me.resource === undefined,
  })
  return (
    <FilterBar label="Filters of events">
      <TextFilter
        filters={filters}
        name="type"
        label="Type"
        placeholder="lead.created"
        known={types.data?.records.map(({ type }) => type)}
      />
      <ChoiceFilter filters={filters} name="status" label="Status" choices={statuses} />
      {me.resource === undefined && (
        <TextFilter
          filters={filters}
          name="resource"
          label="Resource"
          known={resources.data?.records.map(({ resource }) => resource)}
        />
      )}
      {me.resource_id === undefined && <TextFilter filters={filters} name="resource_id" label="Resource id" />}
      <TextFilter filters={filters} name="id" label="Id" placeholder="evt_…" />
      {mayRead && (
        <TextFilter filters={filters} name="text" label="Text in the payload" placeholder="Enter searches" onEnter />
      )}
      <PeriodFilter filters={filters} />
    </FilterBar>
  )
}

const None = ({ filters }: { readonly filters: Filters }) => {
  const workspace = useWorkspace()
  return Object.keys(filters.values).length > 0 ? (
    <Empty title="No event is so">
      <p>None that the history knows fits all of the filters.</p>
      <Button onClick={filters.clear}>Clear the filters</Button>
    </Empty>
  ) : (
    <Empty title="There are no events yet">
      <p>Publish one by the API, the client library, or the command line:</p>
      <code>{publishCommand(workspace)}</code>
    </Empty>
  )
}
