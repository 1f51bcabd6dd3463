import { expect, test } from "vitest"
import { contextOf, problemsOf } from "../../test/support/action.ts"
import { nats } from "./index.ts"

test("a subject of the runtime's own is refused, as it would feed itself", () => {
  for (const subject of ["events.acme.x", "deliver.1.x", "$JS.API.INFO", "ckpt.1", "{workspace}.x"]) {
    expect(problemsOf(nats({ subject })), subject).toHaveLength(1)
  }
  expect(problemsOf(nats({ subject: "out.{workspace}.{type}" }))).toEqual([])
  expect(problemsOf(nats({ subject: "{workspace}.x", servers: ["nats://elsewhere:4222"] }))).toEqual([])
})

test("a subject with wildcards or spaces is no subject to publish to", () => {
  for (const subject of ["out.*", "out.>", "out x", "", "out..x"])
    expect(problemsOf(nats({ subject })), subject).toHaveLength(1)
})

test("the message names its event, and a repeat has the same id", () => {
  const action = nats({ subject: "out" }).connector.actions["publish"]!
  if (!("preview" in action)) throw new Error("no preview")
  expect(action.preview({ n: 1 }, contextOf({ subject: "out.{workspace}.{type}.{event}" }))).toEqual({
    subject: "out.acme.lead.created.evt_1",
    acknowledged: false,
    body: '{"n":1}',
    headers: {
      "Nats-Msg-Id": "dlv_1",
      "Content-Type": "application/json",
      "Meshes-Event-Id": "evt_1",
      "Meshes-Event-Type": "lead.created",
      "Meshes-Workspace": "acme",
    },
  })
})
