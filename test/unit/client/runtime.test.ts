/** The client against the runtime's own HTTP server. */
import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { createClient, MeshesError } from "../../../client/index.ts"
import { LogUnavailable } from "../../../src/model/errors.ts"
import { adminKey, key, serve } from "../ingest/served.ts"

it.live("stores an event, tells a repeat from a first one, and says what is wrong with another", () =>
  Effect.gen(function* () {
    const server = yield* serve()
    const client = createClient({ url: server.url, key: adminKey, workspace: "acme", retry: { minMs: 1 } })
    const publish = (id: string, payload: object) =>
      Effect.promise(() => client.publish("lead.created", payload as never, { id }))
    const first = yield* publish("one", { email: "ada@example.com" })
    assert.deepStrictEqual([first.id, first.workspace, first.duplicate], ["one", "acme", false])
    assert.isTrue((yield* publish("one", { email: "ada@example.com" })).duplicate)
    const error = yield* Effect.flip(
      Effect.tryPromise({ try: () => client.publish("lead.created", {}), catch: (cause) => cause as MeshesError }),
    )
    assert.deepStrictEqual([error.kind, error.status], ["refused", 422])
    assert.deepStrictEqual(error.events[0]!.errors, [{ path: "payload.email", message: "must be a text" }])
  }),
)

it.live("a log that fails for a moment is waited for, and each event is stored once", () =>
  Effect.gen(function* () {
    const server = yield* serve([key("page", { publishable: true, workspaces: ["globex"] })])
    let failures = 2
    server.log.failure = () =>
      failures-- > 0 ? new LogUnavailable({ operation: "append", reason: "away", stored: "no" }) : undefined
    const client = createClient({ url: server.url, publishableKey: "page-key", retry: { minMs: 1 } })
    const ids = ["a", "b", "c"].map((type) => client.emit(type, {}))
    yield* Effect.promise(() => client.close())
    assert.sameMembers(
      server.log.entries.map(({ id }) => id),
      ids,
    )
    assert.isTrue(server.log.entries.every(({ workspace }) => workspace === "globex"))
  }),
)
