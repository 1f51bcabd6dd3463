/**
 * One replay: what it is over, how far it has come, what came of it, and its end.
 */
import { Link, useParams } from "wouter"
import { live, useAct, useCall } from "../api/use.ts"
import { ButtonLink } from "../parts/button.tsx"
import { ConfirmButton } from "../parts/dialog.tsx"
import { count, Progress } from "../parts/meter.tsx"
import { Card, Facts, Page, useWorkspace, workspacePath } from "../parts/page.tsx"
import { Answered } from "../parts/states.tsx"
import { Status } from "../parts/status.tsx"
import { Time } from "../parts/time.tsx"
import { useTell } from "../parts/toast.tsx"
import { useMay } from "../session.tsx"
import { FilterFacts, searchOf, type Replay } from "./past-filter.tsx"

/** By the log's sequences, which it goes through in order: how many of them its filter leaves is only known at the end. */
export const RangeProgress = ({ replay: { state, range } }: { readonly replay: Replay }) => {
  const whole = Math.max(0, range.last - range.first + 1)
  return (
    <Progress
      label="Of the log looked at"
      done={state === "done" ? whole : Math.max(0, range.at - range.first + 1)}
      of={whole}
    />
  )
}

export const ReplayPage = () => {
  const workspace = useWorkspace()
  const { replay: id } = useParams<{ readonly replay: string }>()
  const params = { workspace, replay: id }
  const answer = useCall("GET /api/v1/workspaces/:workspace/replays/:replay", { params }, { every: live })
  return (
    <Page
      title={id}
      crumbs={[{ label: "Replays", to: workspacePath(workspace, "replays") }]}
      acts={answer.data !== undefined && <Acts replay={answer.data} />}
    >
      <Answered answer={answer}>
        {(replay) => (
          <>
            <Card title="How far it has come">
              <Facts
                of={{
                  State: <Status is={replay.state} />,
                  Begun: (
                    <>
                      <Time at={replay.created_at} /> by {replay.by}
                    </>
                  ),
                  Ended: replay.ended_at && (
                    <>
                      <Time at={replay.ended_at} />
                      {replay.stopped_by !== undefined && ` by ${replay.stopped_by}`}
                    </>
                  ),
                  Why: replay.reason,
                  Rate: `${count(replay.rate)} deliveries a second at most`,
                  Ids: replay.same_ids ? "the same as before: receivers may drop repeats" : "new ones",
                }}
              />
              <RangeProgress replay={replay} />
            </Card>
            <Counts replay={replay} />
            <Card title="What it is over">
              <FilterFacts filter={replay.filter} />
            </Card>
          </>
        )}
      </Answered>
    </Page>
  )
}

const figures = [
  ["events", "Events looked at", undefined],
  ["matched", "Events that the filter left", undefined],
  ["deliveries", "Deliveries made", undefined],
  ["skipped", "Not made", "On their way already, or the history does not reach back so far."],
  ["failed", "Expression failed", "Events for which the filter's expression gave an error."],
] as const

const Counts = ({ replay: { id, workspace, progress } }: { readonly replay: Replay }) => {
  const of = (...steps: ReadonlyArray<string>) => workspacePath(workspace ?? "", ...steps)
  return (
    <Card
      title="What came of it"
      acts={
        progress.deliveries > 0 && (
          <>
            <Link href={`${of("deliveries")}?replay=${id}`}>Its deliveries</Link>
            <Link href={`${of("dead-letters")}?replay=${id}`}>Its dead letters</Link>
          </>
        )
      }
    >
      <dl className="facts">
        {figures.map(([name, label, why]) =>
          why !== undefined && progress[name] === 0 ? null : (
            <div key={name}>
              <dt>{label}</dt>
              <dd className="figure-number">{count(progress[name])}</dd>
              {why !== undefined && <dd className="dim">{why}</dd>}
            </div>
          ),
        )}
      </dl>
    </Card>
  )
}

const Acts = ({ replay: { id, workspace, state, filter, progress } }: { readonly replay: Replay }) => {
  const tell = useTell()
  const mayAct = useMay("operate")
  const stop = useAct("POST /api/v1/workspaces/:workspace/replays/:replay/stop")
  if (!mayAct || workspace === null) return null
  return (
    <>
      {state === "running" && (
        <ConfirmButton
          label="Stop the replay"
          title="Stop this replay?"
          kind="danger"
          act={() =>
            stop
              .mutateAsync({ params: { workspace, replay: id } })
              .then(() => tell.done("The replay is stopped."), tell.failed)
          }
        >
          <p>
            {count(progress.deliveries)} deliveries were made so far; they go their way. No more are made. It cannot be
            gone on with: a new replay begins anew.
          </p>
        </ConfirmButton>
      )}
      <ButtonLink to={`${workspacePath(workspace, "replays", "new")}?${searchOf(filter)}`}>
        Replay the same again
      </ButtonLink>
    </>
  )
}
