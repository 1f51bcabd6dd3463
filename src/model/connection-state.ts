/**
 * The state of a connection's circuit as everybody sees it: kept in the log, so that it outlives processes and is the same for all
 * replicas. A connection that was never in trouble has none.
 */
import type { WorkspaceId } from "./ids.ts"

export interface ConnectionState {
  /** `open`: the runtime waits until the destination has recovered. `paused`: a person, or an answer that needs one, stopped it. */
  readonly state: "closed" | "open" | "paused"
  /** For people: why. */
  readonly reason: string
  /** Since when, in milliseconds. */
  readonly at: number
  /** Who: `runtime`, `key:<name>`, `cli:<user>`, or `vault`: what was missing came. */
  readonly by: string
  /** When an open circuit is tried again, in milliseconds. */
  readonly probe?: number
  /** How often in a row it was tried again and found the destination unwell: the waits grow with it. */
  readonly probes?: number
  /**
   * Nobody is told of the change, so that alerts do not feed alerts: it was found out by a delivery of such a change, or ends an opening
   * that nobody was told of.
   */
  readonly quiet?: boolean
}

/** Who changes circuits when nobody did. */
export const runtime = "runtime"

/** Why a connection is paused whose secrets are not all there. */
export const secretMissing = "secret_missing"

/** The runtime's own event types: `meshes.connection.<change>`. */
export const connectionChanges = ["opened", "closed", "paused", "resumed"] as const
export type ConnectionChange = (typeof connectionChanges)[number]

/** Event types that begin so are the runtime's own. */
const ownTypePrefix = "meshes."

export const isOwnType = (type: string): boolean => type.startsWith(ownTypePrefix)

export const connectionEventType = (change: ConnectionChange): string => `${ownTypePrefix}connection.${change}`

/** Payload of those events. */
export interface ConnectionChanged {
  readonly connection: string
  readonly state: ConnectionState["state"]
  readonly reason: string
  readonly by: string
}

/** What a change is called; `undefined` when it is none that anybody is told of (another wait of an open circuit). */
export const changeOf = (
  before: ConnectionState["state"],
  after: ConnectionState["state"],
): ConnectionChange | undefined => {
  if (before === after) return undefined
  if (after === "open") return "opened"
  if (after === "paused") return "paused"
  return before === "paused" ? "resumed" : "closed"
}

/** An event about a connection, which must not be sent over that very connection. */
export const isAbout = (type: string, resourceId: string | undefined, connection: string): boolean =>
  isOwnType(type) && resourceId === connection

/** Where a connection is. */
export interface ConnectionRef {
  readonly workspace: WorkspaceId
  readonly connection: string
}

/** What a person asks for. `undefined`: it is so already. Resuming also closes an open circuit at once. */
export const switched = (
  before: ConnectionState | undefined,
  to: "paused" | "closed",
  by: string,
  reason: string,
  at: number,
): ConnectionState | undefined => ((before?.state ?? "closed") === to ? undefined : { state: to, reason, at, by })

/** `<workspace>/<connection>`: one text for a connection, in maps and messages. */
export const connectionName = ({ workspace, connection }: ConnectionRef): string => `${workspace}/${connection}`

/** A state as programs are shown it; `undefined`: it was never in trouble. */
export const shownState = (state: ConnectionState | undefined) => ({
  state: state?.state ?? "closed",
  ...(state === undefined ? {} : { since: new Date(state.at).toISOString(), by: state.by, reason: state.reason }),
  ...(state?.probe === undefined ? {} : { probe_at: new Date(state.probe).toISOString() }),
})
