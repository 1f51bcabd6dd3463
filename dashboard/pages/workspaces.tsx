/**
 * The workspaces that one may see, with what is wrong in them.
 */
import { Link } from "wouter"
import type { RecordOf } from "../api/contract.ts"
import { live, useList } from "../api/use.ts"
import { Button } from "../parts/button.tsx"
import { type Filters, FilterBar, TextFilter, useFilters } from "../parts/filters.tsx"
import { count } from "../parts/meter.tsx"
import { Card, Page, workspacePath } from "../parts/page.tsx"
import { Empty } from "../parts/states.tsx"
import { Pill } from "../parts/status.tsx"
import { type Column, ListTable } from "../parts/table.tsx"

type Workspace = RecordOf<"GET /api/v1/workspaces">

export const WorkspacesPage = () => {
  const filters = useFilters(["text", "account", "tag"])
  const list = useList("GET /api/v1/workspaces", { query: filters.values }, { every: live })
  return (
    <Page title="Workspaces">
      <FilterBar label="Filter the workspaces">
        <TextFilter filters={filters} name="text" label="Name" placeholder="a part of it" />
        <TextFilter filters={filters} name="account" label="Account" placeholder="exactly" />
        <TextFilter filters={filters} name="tag" label="Tag" placeholder="exactly" />
      </FilterBar>
      <Card flush>
        <ListTable
          label="Workspaces"
          list={list}
          columns={columnsWith(filters)}
          keyOf={({ id }) => id}
          empty={
            Object.keys(filters.values).length > 0 ? (
              <Empty title="No workspace is like that">
                <Button onClick={filters.clear}>Show all</Button>
              </Empty>
            ) : (
              <Empty title="No workspace yet">
                <p>
                  There is none, or none that your key may see. Declare one under <code>workspaces</code> of{" "}
                  <code>meshes.config.ts</code>; <code>meshes init</code> writes a first one.
                </p>
              </Empty>
            )
          }
        />
      </Card>
    </Page>
  )
}

const columnsWith = (filters: Filters): ReadonlyArray<Column<Workspace>> => [
  { label: "Workspace", show: ({ id }) => <Link href={workspacePath(id)}>{id}</Link> },
  { label: "Connections", show: ({ id, circuits }) => <Circuits workspace={id} {...circuits} /> },
  {
    label: "Account",
    show: ({ account }) =>
      account === undefined ? (
        <span className="dim">none</span>
      ) : (
        <Narrow filters={filters} name="account" to={account} />
      ),
  },
  {
    label: "Tags",
    show: ({ tags }) =>
      tags.length === 0 ? (
        <span className="dim">none</span>
      ) : (
        <span className="row">
          {tags.map((tag) => (
            <Narrow key={tag} filters={filters} name="tag" to={tag} />
          ))}
        </span>
      ),
  },
  { label: "Rules", number: true, show: ({ counts }) => count(counts.rules) },
  { label: "Event types", number: true, show: ({ counts }) => count(counts.event_types) },
]

const Narrow = ({ filters, name, to }: { readonly filters: Filters; readonly name: string; readonly to: string }) => (
  <button type="button" className="tag" title={`Only with the ${name} ${to}`} onClick={() => filters.set(name, to)}>
    {to}
  </button>
)

/** How the connections of a workspace are; leads to those that are not well. */
export const Circuits = ({
  workspace,
  closed,
  open,
  paused,
}: Workspace["circuits"] & { readonly workspace: string }) => {
  const to = workspacePath(workspace, "connections")
  return (
    <span className="row">
      {open > 0 && (
        <Link href={`${to}?state=open`}>
          <Pill tone="bad">{count(open)} open</Pill>
        </Link>
      )}
      {paused > 0 && (
        <Link href={`${to}?state=paused`}>
          <Pill tone="warn">{count(paused)} paused</Pill>
        </Link>
      )}
      {open + paused + closed === 0 ? (
        <span className="dim">none</span>
      ) : (
        <Link href={to}>
          {open + paused === 0 ? <Pill tone="good">{count(closed)} well</Pill> : `of ${count(open + paused + closed)}`}
        </Link>
      )}
    </span>
  )
}
