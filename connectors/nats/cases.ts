/**
 * What the NATS connector is held to. How it publishes is tested against real servers (`test/flow`).
 */
import type { ConnectorCases } from "../../test/conformance/cases.ts"
import { nats } from "./index.ts"

export const cases: ConnectorCases = {
  connection: () => nats({ subject: "crm.{workspace}.{type}", jetstream: true }),
  secrets: {},
  wrongSettings: [
    { connection: nats({ subject: "crm.*" }), path: "subject", says: /is not a subject to publish to/ },
    { connection: nats({ subject: "events.x" }), path: "subject", says: /one of the runtime's own subjects/ },
    {
      connection: nats({ subject: "x", credentials: { token: "in-clear" as never } }),
      path: "credentials.token",
      says: /secret\("NAME"\)/,
    },
  ],
  actions: {
    publish: {
      input: { name: "Ada" },
      preview: {
        subject: "crm.acme.lead.created",
        acknowledged: true,
        body: '{"name":"Ada"}',
        headers: {
          "Nats-Msg-Id": "dlv_1",
          "Content-Type": "application/json",
          "Meshes-Event-Id": "evt_1",
          "Meshes-Event-Type": "lead.created",
          "Meshes-Workspace": "acme",
        },
      },
    },
  },
}
