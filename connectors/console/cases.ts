/**
 * What the console connector is held to.
 */
import type { ConnectorCases } from "../../test/conformance/cases.ts"
import { console } from "./index.ts"

export const cases: ConnectorCases = {
  connection: () => console({ prefix: "» " }),
  secrets: {},
  wrongSettings: [{ connection: console({ prefix: "x".repeat(101) }), path: "prefix", says: /100/ }],
  actions: {
    print: { input: { name: "Ada" }, preview: '» 2026-01-31T09:30:00Z acme lead.created dlv_1 {"name":"Ada"}' },
  },
}
