import * as Effect from "effect/Effect"
import { expect, test } from "vitest"
import { contextOf } from "../../test/support/action.ts"
import { console } from "./index.ts"

test("a line has the prefix, the event's time, workspace, type, the delivery and the value", async () => {
  const action = console({}).connector.actions["print"]!
  if (!("run" in action)) throw new Error("not run")
  const lines: Array<string> = []
  const host = {
    print: (line: string) => Effect.sync(() => void lines.push(line)),
    nats: () => Effect.die("not asked for"),
  }
  const outcome = await Effect.runPromise(action.run({ n: 1 }, contextOf({ prefix: "» " }), host))
  expect(outcome.kind).toBe("delivered")
  expect(lines).toEqual(['» 2026-01-31T09:30:00Z acme lead.created dlv_1 {"n":1}'])
})
