/**
 * Replays in the log: tasks that make deliveries of past events (`tasks.ts`).
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { limits } from "../config/defaults.ts"
import { Unusable, type LogUnavailable } from "../model/errors.ts"
import { makeReplayId } from "../model/ids.ts"
import type { Actor } from "../model/record.ts"
import { noProgress, shownReplay, type Replay, type ReplayRequest } from "../model/replay.ts"
import { Nats } from "./connection.ts"
import { units } from "./leases.ts"
import { Past } from "./past.ts"
import { makeTasks, type Tasks } from "./tasks.ts"
import { streams, subjects } from "./topology.ts"

export class Replays extends Context.Service<
  Replays,
  Tasks<Replay> & {
    /** Begins one over all that is routed by now. A runtime goes on with it. `Unusable`: too many of the workspace are not over. */
    readonly begin: (request: ReplayRequest, actor: Actor) => Effect.Effect<Replay, LogUnavailable | Unusable>
  }
>()("meshes/Replays") {
  static readonly layer = Layer.effect(
    Replays,
    Effect.gen(function* () {
      const past = yield* Past
      const tasks = makeTasks<Replay>(yield* Nats, {
        name: "replay",
        loop: units.replays,
        stream: streams.replays,
        subject: subjects.replay,
        workspaceOf: ({ filter }) => filter.workspace,
        noProgress,
        stopped: "replay.stopped",
      })
      return {
        ...tasks,
        begin: Effect.fnUntraced(function* (request: ReplayRequest, actor: Actor) {
          const { workspace } = request.filter
          const running = yield* tasks.running(workspace)
          if (running.length >= limits.replaysPerWorkspace) {
            const message = `${running.length} replays ${workspace === undefined ? "of all workspaces" : `of "${workspace}"`} are not over: wait for one, or stop one`
            return yield* new Unusable({ message })
          }
          const created = Date.now()
          const replay: Replay = {
            ...request,
            id: makeReplayId(created),
            created,
            by: actor.by,
            ...(yield* past.range(request.filter.from)),
            state: "running",
            progress: noProgress,
          }
          const detail = JSON.stringify(shownReplay(replay).filter)
          yield* tasks.begin(replay, { seq: replay.first - 1 }, actor, { what: "replay.started", detail })
          return replay
        }),
      }
    }),
  )
}
