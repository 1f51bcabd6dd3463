/**
 * The audit: who changed what, when and from where, in the history. Written here for commands and for the API alike, and wherever it can
 * be before the change: nothing is changed that is not told of, though what the log then refused is told as well.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { LogUnavailable } from "../model/errors.ts"
import type { WorkspaceId } from "../model/ids.ts"
import type { Actor, AuditedAct, AuditRecord } from "../model/record.ts"
import { publishBatch } from "./batch.ts"
import { Nats, type NatsShape } from "./connection.ts"
import { logTime } from "./log-time.ts"
import { subjects } from "./topology.ts"

export interface Act {
  readonly what: AuditedAct
  readonly target: string
  readonly detail?: string
  /** Each has a record of its own. Absent: it concerns the installation. */
  readonly workspaces?: ReadonlyArray<WorkspaceId>
}

export class Audit extends Context.Service<
  Audit,
  { readonly write: (actor: Actor, act: Act) => Effect.Effect<void, LogUnavailable> }
>()("meshes/Audit") {
  static readonly layer = Layer.effect(
    Audit,
    Effect.map(Nats, (nats) => Audit.of({ write: (actor, act) => writeAudit(nats, actor, act) })),
  )
}

/** For what else of the log must be told. @param once a name that nothing else has: what several processes tell is told once */
export const writeAudit = Effect.fnUntraced(function* (
  nats: NatsShape,
  actor: Actor,
  act: Act,
  once?: string,
): Effect.fn.Return<void, LogUnavailable> {
  const message = {
    subject: subjects.history("operate"),
    body: Buffer.from(JSON.stringify(auditRecords(actor, act, logTime()))),
    ...(once === undefined ? {} : { headers: `Nats-Msg-Id: ${once}\r\n` }),
  }
  const result = yield* Effect.promise(() => publishBatch(nats.nc, [message]))
  if (result._tag === "Stored") return
  const stored = result._tag === "Refused" ? "no" : "unknown"
  return yield* new LogUnavailable({ operation: "writing the audit", reason: result.reason, stored })
})

/** For what is told together with other records. */
export const auditRecords = (actor: Actor, { workspaces, ...act }: Act, at: number): ReadonlyArray<AuditRecord> => {
  const whole: AuditRecord = { kind: "audit", at, ...actor, ...act }
  return workspaces?.map((workspace): AuditRecord => ({ ...whole, workspace })) ?? [whole]
}
