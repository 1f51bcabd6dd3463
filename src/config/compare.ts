/**
 * What is different between two configs, by their summaries.
 */
import type { WorkspaceId } from "../model/ids.ts"
import { partKinds, type Fields, type Mark, type PartKind, type Parts, type Section } from "./summary.ts"

export interface Change {
  readonly change: "added" | "changed" | "removed"
  readonly kind: PartKind
  /** Absent: it is of no workspace alone. */
  readonly workspace?: WorkspaceId
  readonly name: string
  /** Of a part that changed, what in it did. */
  readonly fields?: ReadonlyArray<FieldChange>
  /** Of a workspace that came or went, what is in it. */
  readonly connections?: ReadonlyArray<string>
  readonly rules?: ReadonlyArray<string>
}

export interface FieldChange {
  readonly change: "added" | "changed" | "removed"
  readonly field: string
  /** Absent: it was not there, or what it was is not kept. */
  readonly from?: Shown
  readonly to?: Shown
}

/** A number, `true` or `false`, a word; of a secret its name. */
export type Shown = number | boolean | string | { readonly secret: string }

/** By workspace, the JSON of the section's parts; what all share under no name. */
export type Kept = ReadonlyMap<WorkspaceId, string>

export const keptAs = ({ workspace, parts }: Section): readonly [WorkspaceId, string] => [
  workspace ?? "",
  JSON.stringify(parts),
]

/** All that is different, in the order of the newer config; what is gone comes last. */
export function* compare(before: Kept, after: Iterable<Section>): Generator<Change> {
  const left = new Map(before)
  for (const section of after) {
    const [workspace, text] = keptAs(section)
    const old = left.get(workspace)
    left.delete(workspace)
    if (old === text) continue
    if (old === undefined && workspace !== "") yield whole("added", workspace, section.parts)
    else yield* changesOf(workspace, old === undefined ? {} : (JSON.parse(old) as Parts), section.parts)
  }
  for (const [workspace, old] of left) if (workspace !== "") yield whole("removed", workspace, JSON.parse(old) as Parts)
}

const whole = (change: "added" | "removed", workspace: WorkspaceId, { connections, rules }: Parts): Change => ({
  change,
  kind: "workspaces",
  name: workspace,
  connections: Object.keys(connections ?? {}),
  rules: Object.keys(rules ?? {}),
})

function* changesOf(workspace: WorkspaceId, before: Parts, after: Parts): Generator<Change> {
  for (const kind of partKinds) {
    const of = kind === "workspaces" || workspace === "" ? { kind } : { kind, workspace }
    const [old, now] = [before[kind] ?? {}, after[kind] ?? {}]
    for (const [name, fields] of Object.entries(now)) {
      const was = Object.hasOwn(old, name) ? old[name] : undefined
      const changed = was === undefined ? [] : fieldChanges(was, fields)
      if (was === undefined) yield { change: "added", ...of, name }
      else if (changed.length > 0) yield { change: "changed", ...of, name, fields: changed }
    }
    for (const name of Object.keys(old)) if (!Object.hasOwn(now, name)) yield { change: "removed", ...of, name }
  }
}

const fieldChanges = (before: Fields, after: Fields): ReadonlyArray<FieldChange> =>
  [...new Set([...Object.keys(before), ...Object.keys(after)])].flatMap((field): ReadonlyArray<FieldChange> => {
    const [from, to] = [before[field], after[field]]
    const change = from === undefined ? "added" : to === undefined ? "removed" : "changed"
    return from === to ? [] : [{ change, field, ...shownAs("from", from), ...shownAs("to", to) }]
  })

const shownAs = <K extends "from" | "to">(key: K, mark: Mark | undefined): { readonly [k in K]?: Shown } => {
  if (mark === undefined || (typeof mark === "string" && mark.startsWith("#"))) return {}
  const shown = typeof mark !== "string" ? mark : mark.startsWith("$") ? { secret: mark.slice(1) } : mark.slice(1)
  return { [key]: shown } as { [k in K]: Shown }
}
