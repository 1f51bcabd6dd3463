/**
 * Who did what, in a workspace and in the installation.
 */
import { Link } from "wouter"
import { auditedActs } from "../../src/model/record.ts"
import type { RecordOf } from "../api/contract.ts"
import { calm, useList } from "../api/use.ts"
import { ChoiceFilter, FilterBar, PeriodFilter, TextFilter, useFilters } from "../parts/filters.tsx"
import { Card, Page, useWorkspace, workspacePath } from "../parts/page.tsx"
import { Empty } from "../parts/states.tsx"
import { ListTable } from "../parts/table.tsx"
import { Time } from "../parts/time.tsx"
import { useMay, useMe } from "../session.tsx"

type Entry = RecordOf<"GET /api/v1/audit">
const names = ["what", "by", "target", "from", "to"]

export const WorkspaceAuditPage = () => {
  const workspace = useWorkspace()
  const filters = useFilters(names)
  const list = useList(
    "GET /api/v1/workspaces/:workspace/audit",
    { params: { workspace }, query: filters.values },
    { every: calm },
  )
  return (
    <Page title="Audit" lead="What people, and programs with a key, did in this workspace, and from where.">
      <Audit filters={filters} list={list} workspace={workspace} />
    </Page>
  )
}

export const InstallationAuditPage = () => {
  const filters = useFilters(names)
  const list = useList("GET /api/v1/audit", { query: filters.values }, { every: calm })
  return (
    <Page
      title="Audit of the installation"
      lead="What concerns no workspace by itself: configs, keys for all workspaces. Each workspace has an audit of its own."
    >
      <Audit filters={filters} list={list} />
    </Page>
  )
}

const Audit = ({
  filters,
  list,
  workspace,
}: {
  readonly filters: ReturnType<typeof useFilters>
  readonly list:
    | ReturnType<typeof useList<"GET /api/v1/audit">>
    | ReturnType<typeof useList<"GET /api/v1/workspaces/:workspace/audit">>
  readonly workspace?: string
}) => (
  <>
    <FilterBar label="Filter the audit">
      <ChoiceFilter filters={filters} name="what" label="What" choices={auditedActs} />
      <TextFilter filters={filters} name="by" label="By" placeholder="key:support" />
      <TextFilter filters={filters} name="target" label="Of what" placeholder="an id or a name, exactly" />
      <PeriodFilter filters={filters} />
    </FilterBar>
    <Card flush>
      <ListTable
        list={list}
        label="Audit"
        keyOf={({ at, what, target, by }) => `${at} ${what} ${target} ${by}`}
        columns={[
          { label: "When", show: ({ at }) => <Time at={at} /> },
          { label: "What", show: ({ what }) => <span className="nowrap">{what}</span> },
          { label: "Of what", show: (entry) => <Target entry={entry} workspace={workspace} /> },
          { label: "By", show: Who },
          { label: "From", show: From },
          { label: "More", show: ({ detail }) => detail },
        ]}
        empty={
          <Empty
            title={Object.keys(filters.values).length === 0 ? "Nothing was done yet" : "Nothing like that was done"}
          >
            <p>
              Whatever is changed by the API, the command line or this page is written here: keys, secrets, connections,
              retries, replays, and whose payloads were seen.
            </p>
          </Empty>
        }
      />
    </Card>
  </>
)

const Who = ({ by, key_id }: Entry) => (
  <>
    <div className="short" title={by}>
      {by}
    </div>
    {key_id !== undefined && (
      <div className="dim">
        <code>{key_id}</code>
      </div>
    )}
  </>
)

/** The address, and the program by its own word: long, and seldom of interest. */
const From = ({ from, agent }: Entry) => (
  <>
    {from}
    {agent !== undefined && (
      <div className="dim short" title={agent}>
        {agent}
      </div>
    )}
  </>
)

/** The page of what it was done to, where it has one. */
const pageOf = ({ what, target }: Entry, workspace: string | undefined, keys: boolean): string | undefined => {
  if (/^(?:key|session)\./.test(what)) return keys ? "/keys" : undefined
  if (workspace === undefined) return undefined
  const under = (step: string) => workspacePath(workspace, step, target)
  if (what.startsWith("connection.")) return under("connections")
  if (what.startsWith("replay.")) return under("replays")
  if (target === workspace) return workspacePath(workspace)
  if (target.startsWith("dlv_")) return under("deliveries")
  return what === "payload.viewed" ? under("events") : undefined
}

const Target = ({ entry, workspace }: { readonly entry: Entry; readonly workspace: string | undefined }) => {
  const { kind } = useMe()
  const keys = useMay("admin") && kind !== "embed"
  const to = pageOf(entry, workspace, keys)
  const name = <code>{entry.target}</code>
  return to === undefined ? name : <Link href={to}>{name}</Link>
}
