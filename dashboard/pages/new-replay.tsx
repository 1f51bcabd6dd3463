/**
 * Past events once more: replayed, after a look at what that would send, or only held against other rules.
 */
import { Tabs } from "@base-ui/react/tabs"
import { lazy, Suspense, useState } from "react"
import { useFilters } from "../parts/filters.tsx"
import { Page, useWorkspace, workspacePath } from "../parts/page.tsx"
import { Loading } from "../parts/states.tsx"
import { useMayBacktest } from "../session.tsx"
import { ReplayDraft } from "./replay-draft.tsx"

const Backtest = lazy(async () => ({ default: (await import("./backtest.tsx")).Backtest }))

export const NewReplayPage = () => {
  const workspace = useWorkspace()
  const mayBacktest = useMayBacktest()
  const filters = useFilters(["tab"])
  const [rules, setRules] = useState<string>()
  const backtest = filters.values["tab"] === "backtest"
  return (
    <Page
      title={backtest ? "Backtest" : "New replay"}
      lead={
        backtest
          ? "What rules would make of past events, held against what was really made of them. Nothing is sent."
          : "Past events decided on by the rules in force, and delivered once more. A dry run shows first what would be sent."
      }
      crumbs={[{ label: "Replays", to: workspacePath(workspace, "replays") }]}
    >
      {mayBacktest || backtest ? (
        <Tabs.Root
          className="stack"
          value={backtest ? "backtest" : "replay"}
          onValueChange={(tab) => filters.set("tab", tab === "backtest" ? "backtest" : "")}
        >
          <Tabs.List className="tabs">
            <Tabs.Tab className="tab" value="replay">
              Replay
            </Tabs.Tab>
            <Tabs.Tab className="tab" value="backtest">
              Backtest
            </Tabs.Tab>
          </Tabs.List>
          <Tabs.Panel value="replay" className="stack">
            <ReplayDraft workspace={workspace} />
          </Tabs.Panel>
          <Tabs.Panel value="backtest" className="stack">
            <Suspense fallback={<Loading />}>
              <Backtest workspace={workspace} draft={rules} onDraft={setRules} />
            </Suspense>
          </Tabs.Panel>
        </Tabs.Root>
      ) : (
        <ReplayDraft workspace={workspace} />
      )}
    </Page>
  )
}
