/**
 * A connector of your own: a value with settings, actions and their inputs. Types, validation and `explain` follow from it.
 */
import * as Schema from "effect/Schema"
import { defineConfig, defineConnector, secret, SecretField } from "meshes"

const pager = defineConnector({
  name: "pager",
  title: "Pager",
  description: "Pages whoever is on call.",
  settings: Schema.Struct({ token: SecretField }),
  defaultAction: "page",
  actions: {
    page: {
      title: "Page",
      map: "required",
      input: Schema.Struct({ text: Schema.String, urgent: Schema.optionalKey(Schema.Boolean) }),
      request: (input, { settings, delivery }) => ({
        method: "POST",
        url: "https://pager.example/v1/pages",
        headers: {
          authorization: `Bearer ${settings.token}`,
          "content-type": "application/json",
          "idempotency-key": delivery.id,
        },
        body: JSON.stringify(input),
      }),
    },
  },
})

export default defineConfig({
  workspaces: {
    demo: {
      connections: { oncall: pager({ token: secret("PAGER_TOKEN") }) },
      rules: {
        page: {
          on: "lead.created",
          actions: [{ connection: "oncall", map: { text: `"Lead " & payload.email`, urgent: true } }],
        },
      },
    },
  },
})
