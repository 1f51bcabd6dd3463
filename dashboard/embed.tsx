/**
 * The dashboard in a frame of another site: the pages of one workspace, for as long as its session lasts.
 */
import { QueryClientProvider } from "@tanstack/react-query"
import { useState, useSyncExternalStore } from "react"
import { Router } from "wouter"
import { memoryLocation } from "wouter/memory-location"
import { App } from "./app.tsx"
import { openEmbedded } from "./api/embedded.ts"
import type { Problem } from "./api/call.ts"
import { makeQueries } from "./api/use.ts"
import { isTheme, showTheme } from "./layout/theme.tsx"
import { workspacePath } from "./parts/page.tsx"
import { Failed, Loading } from "./parts/states.tsx"

/** It is good once: nobody is to find it in the address afterwards. */
const takeLaunch = (): string | undefined => {
  const launch = new URLSearchParams(location.search).get("launch") ?? undefined
  history.replaceState(null, "", location.pathname)
  return launch
}

const embedded = openEmbedded(takeLaunch(), (theme) => {
  if (isTheme(theme)) showTheme(theme)
})

export const Embed = () => {
  const state = useSyncExternalStore(embedded.subscribe, embedded.get)
  if (state.is === "launching") return <Waiting problem={state.problem} />
  if (state.is === "over") return <Over problem={state.problem} />
  return <Within key={state.session.id} workspace={state.session.workspace} />
}

/** Where one is in here is kept in memory: the address is only good for the launch. What one session was shown is not another's. */
const Within = ({ workspace }: { readonly workspace: string }) => {
  const [queries] = useState(makeQueries)
  const [{ hook, searchHook }] = useState(() => memoryLocation({ path: workspacePath(workspace) }))
  return (
    <QueryClientProvider client={queries}>
      <Router hook={hook} searchHook={searchHook}>
        <App unknown={<Waiting />} />
      </Router>
    </QueryClientProvider>
  )
}

const Waiting = ({ problem }: { readonly problem?: Problem | undefined }) => (
  <main className="alone">{problem === undefined ? <Loading /> : <Failed problem={problem} asksAgain />}</main>
)

const Over = ({ problem }: { readonly problem: Problem }) => (
  <main className="alone">
    <div className="stack">
      <h1>This page is no longer connected</h1>
      <Failed problem={problem} />
      <p className="dim">Load the page around it again.</p>
    </div>
  </main>
)
