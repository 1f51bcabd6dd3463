/**
 * Replays of a workspace: how far each has come, and what it was over.
 */
import { Link } from "wouter"
import { live, useList } from "../api/use.ts"
import { ButtonLink } from "../parts/button.tsx"
import { ChoiceFilter, FilterBar, useFilters } from "../parts/filters.tsx"
import { count } from "../parts/meter.tsx"
import { Card, Page, useWorkspace, workspacePath } from "../parts/page.tsx"
import { Empty } from "../parts/states.tsx"
import { Status } from "../parts/status.tsx"
import { ListTable } from "../parts/table.tsx"
import { Time } from "../parts/time.tsx"
import { useMay, useMayBacktest } from "../session.tsx"
import { FilterWords } from "./past-filter.tsx"
import { RangeProgress } from "./replay.tsx"

export const ReplaysPage = () => {
  const workspace = useWorkspace()
  const mayBegin = useMay("operate")
  const mayBacktest = useMayBacktest()
  const filters = useFilters(["state"])
  const list = useList(
    "GET /api/v1/workspaces/:workspace/replays",
    { params: { workspace }, query: filters.values },
    { every: live },
  )
  const begin = workspacePath(workspace, "replays", "new")
  return (
    <Page
      title="Replays"
      lead="Events of the log, decided on by the rules in force and delivered once more."
      acts={
        mayBegin && (
          <>
            {mayBacktest && <ButtonLink to={`${begin}?tab=backtest`}>Backtest rules</ButtonLink>}
            <ButtonLink to={begin} kind="primary">
              New replay
            </ButtonLink>
          </>
        )
      }
    >
      <FilterBar label="Filter replays">
        <ChoiceFilter filters={filters} name="state" label="State" choices={["running", "stopped", "done"]} />
      </FilterBar>
      <Card flush>
        <ListTable
          list={list}
          label="Replays"
          keyOf={({ id }) => id}
          columns={[
            { label: "State", show: ({ state }) => <Status is={state} /> },
            {
              label: "Replay",
              show: ({ id }) => (
                <Link href={workspacePath(workspace, "replays", id)}>
                  <code>{id}</code>
                </Link>
              ),
            },
            { label: "Begun", show: ({ created_at }) => <Time at={created_at} /> },
            { label: "By", show: ({ by }) => <span className="nowrap">{by}</span> },
            { label: "What", show: ({ filter }) => <FilterWords filter={filter} /> },
            {
              label: "Progress",
              show: (replay) =>
                replay.state === "running" ? (
                  <RangeProgress replay={replay} />
                ) : (
                  <span className="nowrap">{count(replay.progress.events)} events</span>
                ),
            },
            { label: "Deliveries", number: true, show: ({ progress }) => count(progress.deliveries) },
          ]}
          empty={
            filters.values["state"] === undefined ? (
              <Empty title="Nothing was replayed yet">
                <p>
                  A replay delivers past events again: after a destination lost what it was sent, or when a new rule is
                  to see what happened before it. A dry run shows first what would be sent.
                </p>
                {mayBegin && <ButtonLink to={begin}>New replay</ButtonLink>}
              </Empty>
            ) : (
              <Empty title="No replay is so" />
            )
          }
        />
      </Card>
    </Page>
  )
}
