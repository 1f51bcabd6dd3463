import * as Schema from "effect/Schema"
import { expect, test } from "vitest"
import { describeConnector } from "../../../src/config/describe.ts"
import { defineConnector, SecretField } from "../../../src/index.ts"

test("what is said of a secret, and of a field with a check of its own, is in the document", () => {
  const even = Schema.makeFilter((text: string) => (text.length % 2 === 0 ? undefined : "an even number of characters"))
  const pager = defineConnector({
    name: "pager",
    title: "Pager",
    description: "Pages.",
    settings: Schema.Struct({ token: Schema.optionalKey(SecretField.annotate({ description: "The key." })) }),
    actions: {
      page: {
        title: "Page",
        input: Schema.Struct({
          text: Schema.String.pipe(Schema.check(even)).annotate({ description: "The words.", choices: "words" }),
        }),
        request: { method: "POST", path: "/pages" },
      },
    },
  })
  const { settings, actions } = describeConnector(pager({}).connector)
  expect(settings["properties"]).toMatchObject({ token: { format: "secret", description: "The key." } })
  expect(actions[0]!.input["properties"]).toEqual({
    text: { type: "string", description: "The words.", choices: "words" },
  })
})
