/**
 * Resumes connections that the runtime paused because something was missing (a secret, a consent), as soon as it is there: when it comes
 * while we watch, when the pause turns out to be late, and when this replica takes the connection over. What a person paused is left
 * alone.
 */
import type { ConnectionPlan, Plan } from "../config/plan.ts"
import type { ConnectionStates } from "../log/connections.ts"
import { runtime, type ConnectionRef, type ConnectionState } from "../model/connection-state.ts"
import type { WorkspaceId } from "../model/ids.ts"

/** Something that a connection cannot do without. */
export interface Missing {
  /** `Outcome.pause` of an attempt that lacked it: what the reason of the pause begins with. */
  readonly code: string
  /** Whether the connection has it now. */
  readonly isThere: (connection: ConnectionPlan) => boolean
}

/** Who resumed it, when it was the coming of what was missing. Not the runtime: the lane's owner is to be told. */
const mender = "vault"

export interface MenderOptions {
  readonly plan: () => Plan
  readonly states: Pick<ConnectionStates["Service"], "get" | "change">
  readonly missing: ReadonlyArray<Missing>
  /** Whether this replica sends to the connection: others may have another environment. */
  readonly isMine: (ref: ConnectionRef) => boolean
}

export interface Mender {
  /** The connection was paused: what was missing may have come meanwhile. */
  readonly connection: (ref: ConnectionRef) => void
  /** Something of the workspace came. */
  readonly workspace: (workspace: WorkspaceId) => void
  /** Connections became this replica's. */
  readonly all: () => void
}

export const makeMender = ({ plan, states, missing, isMine }: MenderOptions): Mender => {
  const missingIn = (state: ConnectionState | undefined): Missing | undefined =>
    state?.state === "paused" && state.by === runtime
      ? missing.find(({ code }) => state.reason === code || state.reason.startsWith(`${code}:`))
      : undefined
  const look = (connection: ConnectionPlan): void => {
    const ref = { workspace: connection.workspace, connection: connection.id }
    const lacks = missingIn(states.get(ref))
    if (lacks === undefined || !isMine(ref) || !lacks.isThere(connection)) return
    states.change(ref, (before) =>
      missingIn(before) === lacks
        ? { state: "closed", reason: "what was missing is there", at: Date.now(), by: mender }
        : undefined,
    )
  }
  const lookAll = (workspace: WorkspaceId): void => {
    for (const connection of plan().workspaces.get(workspace)?.connections.values() ?? []) look(connection)
  }
  return {
    connection: ({ workspace, connection }) => {
      const found = plan().workspaces.get(workspace)?.connections.get(connection)
      if (found !== undefined) look(found)
    },
    workspace: lookAll,
    all: () => {
      for (const workspace of plan().workspaces.keys()) lookAll(workspace)
    },
  }
}
