/**
 * A history in which nothing ever happened, for servers whose tests ask for something else.
 */
import { Effect, Layer } from "effect"
import { History } from "../../../src/history/history.ts"

const nothing = () => Effect.succeed({ records: [] })
const none = () => Effect.succeed(undefined)

export const noPast = Layer.succeed(History, {
  events: nothing,
  search: nothing,
  event: none,
  stored: none,
  deliveries: nothing,
  delivery: none,
  exchange: none,
  seen: () => Effect.succeed([]),
  contacts: (_, connections) => Effect.succeed(connections.map(() => ({ backlog: 0 }))),
  attempts: () => Effect.succeed([]),
  workspacesOf: () => Effect.succeed([]),
  audit: nothing,
  usage: () => Effect.succeed([]),
  activity: () => Effect.succeed([]),
  activityParts: () => Effect.succeed([]),
  backlog: () => Effect.succeed(0),
  deadGroups: () => Effect.succeed({ groups: [], complete: true }),
  progress: Effect.succeed({ behind: 0, upTo: 0, since: 0 }),
})
