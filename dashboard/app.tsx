/**
 * Which page is at which path. Pages are loaded when they are asked for.
 */
import { CSPProvider } from "@base-ui/react/csp-provider"
import { lazy, Suspense, type ComponentType, type ReactNode } from "react"
import { Redirect, Route, Switch, useLocation } from "wouter"
import { Address } from "./layout/address.tsx"
import { Boundary } from "./layout/boundary.tsx"
import { Frame } from "./layout/frame.tsx"
import { Gate } from "./layout/gate.tsx"
import { workspacePath } from "./parts/page.tsx"
import { Loading, NotThere } from "./parts/states.tsx"
import { useMe } from "./session.tsx"

const page = <Name extends string>(load: () => Promise<{ readonly [N in Name]: ComponentType }>, name: Name) =>
  lazy(async () => ({ default: (await load())[name] }))

/** Paths within a workspace begin with `/workspaces/:workspace`. */
const pages: ReadonlyArray<readonly [path: string, page: ComponentType]> = [
  ["/", page(() => import("./pages/overview.tsx"), "OverviewPage")],
  ["/workspaces", page(() => import("./pages/workspaces.tsx"), "WorkspacesPage")],
  ["/workspaces/:workspace", page(() => import("./pages/workspace.tsx"), "WorkspacePage")],
  ["/workspaces/:workspace/connections", page(() => import("./pages/connections.tsx"), "ConnectionsPage")],
  ["/workspaces/:workspace/connections/:connection", page(() => import("./pages/connection.tsx"), "ConnectionPage")],
  ["/workspaces/:workspace/events", page(() => import("./pages/events.tsx"), "EventsPage")],
  ["/workspaces/:workspace/events/:event", page(() => import("./pages/event.tsx"), "EventPage")],
  ["/workspaces/:workspace/deliveries", page(() => import("./pages/deliveries.tsx"), "DeliveriesPage")],
  ["/workspaces/:workspace/deliveries/:delivery", page(() => import("./pages/delivery.tsx"), "DeliveryPage")],
  ["/workspaces/:workspace/dead-letters", page(() => import("./pages/dead-letters.tsx"), "DeadLettersPage")],
  ["/workspaces/:workspace/replays", page(() => import("./pages/replays.tsx"), "ReplaysPage")],
  ["/workspaces/:workspace/replays/new", page(() => import("./pages/new-replay.tsx"), "NewReplayPage")],
  ["/workspaces/:workspace/replays/:replay", page(() => import("./pages/replay.tsx"), "ReplayPage")],
  ["/workspaces/:workspace/explain", page(() => import("./pages/explain.tsx"), "ExplainPage")],
  ["/workspaces/:workspace/audit", page(() => import("./pages/audit.tsx"), "WorkspaceAuditPage")],
  ["/keys", page(() => import("./pages/keys.tsx"), "KeysPage")],
  ["/audit", page(() => import("./pages/audit.tsx"), "InstallationAuditPage")],
]

/** @param unknown what whoever is not known sees; default: where to sign in */
export const App = ({ unknown }: { readonly unknown?: ReactNode }) => (
  <CSPProvider disableStyleElements>
    <Address>
      <Gate {...(unknown === undefined ? {} : { unknown })}>
        <Frame>
          <Pages />
        </Frame>
      </Gate>
    </Address>
  </CSPProvider>
)

/** In a frame of another site, the workspace's own alone. */
const Pages = () => {
  const { kind, workspaces = [] } = useMe()
  const framed = kind === "embed"
  const [path] = useLocation()
  const shown = framed ? pages.filter(([path]) => path.startsWith("/workspaces/:workspace")) : pages
  return (
    // Another page may be well.
    <Boundary key={path}>
      <Suspense fallback={<Loading />}>
        <Switch>
          {shown.map(([path, Page]) => (
            <Route key={path} path={path} component={Page} />
          ))}
          <Route path={framed ? "/" : "/sign-in"}>
            <Redirect to={framed ? workspacePath(workspaces[0]!) : "/"} replace />
          </Route>
          <Route>
            <NotThere />
          </Route>
        </Switch>
      </Suspense>
    </Boundary>
  )
}
