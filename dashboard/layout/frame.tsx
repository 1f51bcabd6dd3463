/**
 * What is around every page: where one can go, who one is, light or dark. In a frame of another site, the workspace's own pages alone.
 */
import { Dialog } from "@base-ui/react/dialog"
import { useEffect, useRef, useState, type MouseEvent, type ReactNode } from "react"
import { Link, useLocation } from "wouter"
import { Button } from "../parts/button.tsx"
import { useTell } from "../parts/toast.tsx"
import { useAct } from "../api/use.ts"
import { useAskAgain, useMay, useMe } from "../session.tsx"
import { decoded } from "./address.tsx"
import { ThemeChoice } from "./theme.tsx"
import icon from "../icon.svg"

export const Frame = ({ children }: { readonly children: ReactNode }) => {
  const embedded = useMe().kind === "embed"
  const [path] = useLocation()
  const main = useRef<HTMLElement>(null)
  const first = useRef(true)
  // Whoever does not see the page is told that another one is here.
  useEffect(() => {
    if (first.current) first.current = false
    else main.current?.focus({ preventScroll: true })
    window.scrollTo(0, 0)
  }, [path])
  return (
    <div className="frame">
      <a className="skip" href="#content">
        To the content
      </a>
      <header className="bar">
        {!embedded && <Brand />}
        <Drawer />
      </header>
      <aside className="side" aria-label="Main">
        <Side />
      </aside>
      <main id="content" className="content" tabIndex={-1} ref={main}>
        {children}
      </main>
    </div>
  )
}

const Brand = () => (
  <Link href="/" className="brand">
    <img src={icon} alt="" />
    Meshes
  </Link>
)

const Drawer = () => {
  const [path] = useLocation()
  const [openAt, setOpenAt] = useState<string>()
  // A link to the page that one is on closes it too.
  const close = ({ target }: MouseEvent) => (target as Element).closest("a") !== null && setOpenAt(undefined)
  return (
    <Dialog.Root open={openAt === path} onOpenChange={(is) => setOpenAt(is ? path : undefined)}>
      <Dialog.Trigger render={<Button />}>Menu</Dialog.Trigger>
      <Dialog.Portal>
        <Dialog.Backdrop className="drawer-backdrop" />
        <Dialog.Popup className="drawer" aria-label="Menu" onClick={close}>
          <Side />
          <Dialog.Close render={<Button />}>Close</Dialog.Close>
        </Dialog.Popup>
      </Dialog.Portal>
    </Dialog.Root>
  )
}

/** Pages of a workspace, beside its own. */
const ofWorkspace = [
  ["", "Summary"],
  ["/events", "Events"],
  ["/deliveries", "Deliveries"],
  ["/dead-letters", "Dead letters"],
  ["/connections", "Connections"],
  ["/replays", "Replays"],
  ["/explain", "Explain"],
  ["/audit", "Audit"],
] as const

/** What is refused to a session that is bound to one resource. */
const notOfResource: ReadonlySet<string> = new Set(["/audit"])

const Side = () => {
  const me = useMe()
  const [path] = useLocation()
  const admin = useMay("admin")
  const only = me.workspaces?.length === 1 ? me.workspaces[0] : undefined
  const workspace =
    /^\/workspaces\/([^/]+)/.exec(path)?.[1] ?? (only === undefined ? undefined : encodeURIComponent(only))
  const root = `/workspaces/${workspace}`
  const embedded = me.kind === "embed"
  return (
    <>
      {!embedded && <Brand />}
      {!embedded && (
        <nav className="nav" aria-label="Installation">
          <To path="/" label="Overview" exact />
          <To path="/workspaces" label="Workspaces" exact />
          {admin && <To path="/keys" label="Keys" />}
          {admin && me.workspaces === undefined && <To path="/audit" label="Audit" />}
        </nav>
      )}
      {workspace !== undefined && (
        <nav className="nav" aria-label={`Workspace ${decoded(workspace)}`}>
          <p className="nav-title">{decoded(workspace)}</p>
          {ofWorkspace
            .filter(([step]) => me.resource === undefined || !notOfResource.has(step))
            .map(([step, label]) => (
              <To key={step} path={`${root}${step}`} label={label} exact={step === ""} />
            ))}
        </nav>
      )}
      {/* The page around says how a frame is to look. */}
      {!embedded && (
        <div className="side-foot">
          <ThemeChoice />
          <Who />
        </div>
      )}
    </>
  )
}

const To = ({
  path,
  label,
  exact = false,
}: {
  readonly path: string
  readonly label: string
  readonly exact?: boolean
}) => {
  const [now] = useLocation()
  const here = exact ? now === path : now === path || now.startsWith(`${path}/`)
  return (
    <Link href={path} aria-current={here ? "page" : undefined}>
      {label}
    </Link>
  )
}

const Who = () => {
  const me = useMe()
  const tell = useTell()
  const askAgain = useAskAgain()
  const signOut = useAct("DELETE /api/v1/sign-in")
  return (
    <>
      <p className="who">
        <span className="dim">{me.kind === "member" ? "Member" : "Key"}</span> {me.name}
      </p>
      <div className="row">
        <Button size="small" onClick={() => signOut.mutate({}, { onSuccess: askAgain, onError: tell.failed })}>
          Sign out
        </Button>
        <a href="/docs">API</a>
      </div>
    </>
  )
}
