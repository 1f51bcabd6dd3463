/**
 * Operations in the log: tasks that retry or cancel many deliveries (`tasks.ts`), and what they do to each: both are stored with the
 * checkpoint that accounts for them.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { limits } from "../config/defaults.ts"
import { decodeDelivery } from "../model/delivery.ts"
import { LogUnavailable, Unusable } from "../model/errors.ts"
import { makeOperationId } from "../model/ids.ts"
import { nothingDone, shownOperation, type Operation, type OperationRequest } from "../model/operation.ts"
import type { Actor, DeliveryRevived } from "../model/record.ts"
import type { Message } from "./batch.ts"
import { Nats, reasonOf, type NatsShape } from "./connection.ts"
import type { Target } from "./instructions.ts"
import { units } from "./leases.ts"
import { logTime } from "./log-time.ts"
import { revivedOf } from "./reader.ts"
import { makeTasks, type Tasks } from "./tasks.ts"
import { streams, subjects } from "./topology.ts"
import { readyMessage } from "./work.ts"

/** A dead letter put back to work. */
export interface Revival {
  readonly message: Message
  readonly record: DeliveryRevived
}

export class Operations extends Context.Service<
  Operations,
  Tasks<Operation> & {
    /** Begins one over what was created by now. A runtime goes on with it. `Unusable`: too many of the workspace are not over. */
    readonly begin: (request: OperationRequest, actor: Actor) => Effect.Effect<Operation, LogUnavailable | Unusable>
    /** What sends a dead delivery again; `undefined`: it is none, or has died after the operation was begun. */
    readonly revival: (target: Target, operation: Operation) => Effect.Effect<Revival | undefined, LogUnavailable>
  }
>()("meshes/Operations") {
  static readonly layer = Layer.effect(
    Operations,
    Effect.gen(function* () {
      const nats = yield* Nats
      const tasks = makeTasks<Operation>(nats, {
        name: "operation",
        loop: units.operations,
        stream: streams.operations,
        subject: subjects.operation,
        workspaceOf: ({ filter }) => filter.workspace,
        noProgress: nothingDone,
        stopped: "operation.stopped",
      })
      return {
        ...tasks,
        begin: Effect.fnUntraced(function* (request: OperationRequest, actor: Actor) {
          const { action, filter, preview } = request
          const running = yield* tasks.running(filter.workspace)
          if (running.length >= limits.operationsPerWorkspace) {
            const message = `${running.length} operations of "${filter.workspace}" are not over: wait for one, or stop one`
            return yield* new Unusable({ message })
          }
          const created = logTime()
          const operation: Operation = {
            ...request,
            id: makeOperationId(created),
            created,
            by: actor.by,
            state: "running",
            progress: nothingDone,
          }
          const detail = JSON.stringify({ ...shownOperation(operation).filter, ...(preview ? { preview } : {}) })
          const what = action === "cancel" ? "deliveries.canceled" : "deliveries.retried"
          yield* tasks.begin(operation, { seq: 0 }, actor, { what, detail })
          return operation
        }),
        revival: (target, operation) =>
          Effect.tryPromise({
            try: () => revival(nats, target, operation),
            catch: (cause) =>
              new LogUnavailable({ operation: `reading ${target.delivery}`, reason: reasonOf(cause), stored: "no" }),
          }),
      }
    }),
  )
}

const revival = async (
  nats: NatsShape,
  { workspace, connection, delivery }: Target,
  { created, by }: Operation,
): Promise<Revival | undefined> => {
  const subject = subjects.dead(workspace, connection, delivery)
  const letter = await nats.jsm.direct.getMessage(streams.dead, { last_by_subj: subject })
  const decoded = letter === null ? undefined : decodeDelivery(letter.data)
  if (decoded === undefined || (decoded.delivery.last?.at ?? 0) > created) return undefined
  const revived = revivedOf(decoded.delivery)
  const record: DeliveryRevived = {
    kind: "delivery.revived",
    // Before it is sent: its first attempt comes after this.
    at: logTime(),
    delivery,
    event: revived.event,
    workspace,
    connection,
    by,
  }
  return { message: readyMessage(revived, decoded.event), record }
}
