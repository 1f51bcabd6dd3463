/**
 * What a page is made of: a title with the way to it, things to do, cards, facts.
 */
import { useEffect, type ReactNode } from "react"
import { Link, useParams } from "wouter"
import { useMe } from "../session.tsx"

interface Crumb {
  readonly label: string
  readonly to: string
}

/** The workspace of the page's path. */
export const useWorkspace = (): string => useParams<{ readonly workspace: string }>().workspace

export const workspacePath = (workspace: string, ...steps: ReadonlyArray<string>): string =>
  ["/workspaces", ...[workspace, ...steps].map(encodeURIComponent)].join("/")

/**
 * @param crumbs what is above this page, but for the workspace of its path, which comes first by itself
 * @param acts buttons
 */
export const Page = ({
  title,
  lead,
  crumbs = [],
  acts,
  children,
}: {
  readonly title: string
  readonly lead?: ReactNode
  readonly crumbs?: ReadonlyArray<Crumb>
  readonly acts?: ReactNode
  readonly children?: ReactNode
}) => {
  const { workspace } = useParams<{ readonly workspace?: string }>()
  const { kind } = useMe()
  useEffect(() => {
    document.title = `${title}${workspace === undefined || workspace === title ? "" : ` · ${workspace}`} · Meshes`
  }, [title, workspace])
  const above: ReadonlyArray<Crumb> = [
    ...(workspace === undefined || kind === "embed" ? [] : [{ label: "Workspaces", to: "/workspaces" }]),
    ...(workspace === undefined || workspace === title ? [] : [{ label: workspace, to: workspacePath(workspace) }]),
    ...crumbs,
  ]
  return (
    <div className="page">
      <header className="page-head">
        <div>
          {above.length > 0 && (
            <nav aria-label="Above this page">
              <ol className="crumbs">
                {above.map(({ label, to }) => (
                  <li key={to}>
                    <Link href={to}>{label}</Link>
                  </li>
                ))}
              </ol>
            </nav>
          )}
          <h1 tabIndex={-1}>{title}</h1>
          {lead !== undefined && <p className="page-lead">{lead}</p>}
        </div>
        {acts !== undefined && <div className="page-acts">{acts}</div>}
      </header>
      {children}
    </div>
  )
}

/** @param flush without room around what is in it: for tables */
export const Card = ({
  title,
  acts,
  flush = false,
  children,
}: {
  readonly title?: ReactNode
  readonly acts?: ReactNode
  readonly flush?: boolean
  readonly children: ReactNode
}) => (
  <section className="card">
    {(title !== undefined || acts !== undefined) && (
      <div className="card-head">
        {title !== undefined && <h2>{title}</h2>}
        {acts !== undefined && <div className="row">{acts}</div>}
      </div>
    )}
    <div className={flush ? "card-body flush" : "card-body"}>{children}</div>
  </section>
)

/** Names and what they are; what is `undefined` is left out. */
export const Facts = ({ of }: { readonly of: { readonly [name: string]: ReactNode } }) => (
  <dl className="facts">
    {Object.entries(of).map(([name, value]) =>
      value === undefined ? null : (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ),
    )}
  </dl>
)
