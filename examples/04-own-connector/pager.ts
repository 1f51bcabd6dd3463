/**
 * A connector of your own: a value with settings, credentials and actions. All else follows from it.
 */
import * as Schema from "effect/Schema"
import { defineConnector, makeJudge, SecretField } from "meshes"

export const pager = defineConnector({
  name: "pager",
  title: "Pager",
  description: "Pages whoever is on call.",
  settings: Schema.Struct({ token: SecretField }),
  baseUrl: "https://pager.example/v1",
  auth: [{ kind: "bearer", setting: "token" }],
  limits: { rateLimit: { limit: 10, per: "1 second" } },
  outcome: makeJudge({ message: ({ json }) => json?.error, statuses: { 409: "delivered" } }),
  test: { request: () => ({ method: "GET", path: "/me" }), says: ({ json }) => `pages as ${json?.name}` },
  defaultAction: "page",
  actions: {
    page: {
      title: "Page",
      description: "A repeat is answered with 409: the page was made before.",
      input: Schema.Struct({ text: Schema.String, urgent: Schema.optionalKey(Schema.Boolean) }),
      example: { text: "The queue is full", urgent: true },
      repeat: "key",
      request: (input, { delivery }) => ({ method: "POST", path: "/pages", json: { ...input, key: delivery.id } }),
    },
  },
})
