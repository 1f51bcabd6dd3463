/**
 * The connections of a workspace: how each is, what waits for it, and what went wrong last.
 */
import { calm, live, useCall, useList } from "../api/use.ts"
import { ConnectionTable } from "../parts/connection-table.tsx"
import { ChoiceFilter, FilterBar, useFilters } from "../parts/filters.tsx"
import { Card, Page, useWorkspace } from "../parts/page.tsx"
import { Button } from "../parts/button.tsx"
import { Empty } from "../parts/states.tsx"

/** All that there are: a page of the API's has no more. */
const connectorsMax = "200"

export const ConnectionsPage = () => {
  const workspace = useWorkspace()
  const filters = useFilters(["state", "connector"])
  const list = useList(
    "GET /api/v1/workspaces/:workspace/connections",
    { params: { workspace }, query: filters.values },
    { every: live },
  )
  const connectors = useCall("GET /api/v1/integrations", { query: { limit: connectorsMax } }, { every: 4 * calm })
  const filtered = Object.keys(filters.values).length > 0
  return (
    <Page title="Connections" lead="Where deliveries go. One that is unwell is left alone and tried again by itself.">
      <FilterBar label="Filter the connections">
        <ChoiceFilter
          filters={filters}
          name="state"
          label="State"
          choices={[
            ["closed", "closed: all is well"],
            ["open", "open: the destination is unwell"],
            ["paused", "paused"],
          ]}
        />
        <ChoiceFilter
          filters={filters}
          name="connector"
          label="Connector"
          choices={(connectors.data?.records ?? []).map(({ id, title }) => [id, title] as const)}
        />
      </FilterBar>
      <Card flush>
        <ConnectionTable
          list={list}
          empty={
            filtered ? (
              <Empty title="No connection is like that">
                <Button onClick={filters.clear}>Show all</Button>
              </Empty>
            ) : (
              <NoConnection workspace={workspace} />
            )
          }
        />
      </Card>
    </Page>
  )
}

export const NoConnection = ({ workspace }: { readonly workspace: string }) => (
  <Empty title="No connection yet">
    <p>
      Events are stored, and go nowhere. Declare one under <code>workspaces.{workspace}.connections</code> of{" "}
      <code>meshes.config.ts</code>; with <code>meshes dev</code> it is there as soon as the file is saved.
    </p>
  </Empty>
)
