/**
 * The states of circuits, kept in memory.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { ConnectionStates, ConnectionSwitch } from "../../../src/log/connections.ts"
import type { ConnectionRef, ConnectionState } from "../../../src/model/connection-state.ts"

/** `states` by `<workspace>/<connection>`. */
export const makeMemoryCircuits = () => {
  const states = new Map<string, ConnectionState>()
  const nameOf = ({ workspace, connection }: ConnectionRef) => `${workspace}/${connection}`
  const layer = Layer.mergeAll(
    Layer.succeed(ConnectionStates, {
      get: (ref) => states.get(nameOf(ref)),
      troubled: () =>
        [...states].flatMap(([name, state]) => {
          const [workspace, connection] = name.split("/")
          return state.state === "closed" ? [] : [{ workspace: workspace!, connection: connection!, state }]
        }),
      listen: () => () => {},
      change: () => {},
    }),
    Layer.succeed(ConnectionSwitch, {
      change: (ref, decide) =>
        Effect.sync(() => {
          const after = decide(states.get(nameOf(ref)))
          if (after !== undefined) states.set(nameOf(ref), after)
          return states.get(nameOf(ref))
        }),
      read: (ref) => Effect.sync(() => states.get(nameOf(ref))),
      list: () => Effect.succeed([]),
    }),
  )
  return { states, layer }
}
