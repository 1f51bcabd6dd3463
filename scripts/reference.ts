/**
 * Writes `docs/reference/connectors`, a page for each connector, from their definitions: `npm run reference`.
 */
import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import * as connectors from "../connectors/index.ts"
import {
  describeConnector,
  type DescribedAction,
  type DescribedConnector,
  type JsonSchema,
} from "../src/config/describe.ts"
import type { Connection } from "../src/index.ts"

export const folder = fileURLToPath(new URL("../docs/reference/connectors", import.meta.url))

const all = Object.values(connectors as { readonly [name: string]: (settings: any) => Connection })
  .map((make) => describeConnector(make({}).connector))
  .toSorted((a, b) => a.id.localeCompare(b.id))

/** The pages, by the names of their files. */
export const pages = (): ReadonlyMap<string, string> =>
  new Map([["README.md", indexPage()], ...all.map((one) => [`${one.id}.md`, page(one)] as const)])

const indexPage = (): string =>
  [
    "# Connectors",
    "",
    "Made by `npm run reference` from the connectors' definitions.",
    "",
    "| connector | what it does | actions |",
    "| --- | --- | --- |",
    ...all.map(
      ({ id, title, description, actions }) =>
        `| [${title}](${id}.md) | ${description} | ${actions.map((action) => `\`${action.id}\``).join(", ")} |`,
    ),
    "",
  ].join("\n")

const repeats = {
  key: "does nothing: the vendor knows the delivery by its id",
  natural: "does no harm: the record is found by its own key",
  again: "does the same thing again",
} as const

const page = (one: DescribedConnector): string =>
  [
    `# ${one.title}`,
    "",
    one.description,
    "",
    ...(one.docs === undefined ? [] : [`The vendor's documentation: <${one.docs}>.`]),
    `Limits and pitfalls: [connectors/${one.id}](../../../connectors/${one.id}/README.md).`,
    "",
    "## Settings",
    "",
    ...fieldsOf(one.settings),
    "",
    ...authOf(one),
    ...limitsOf(one),
    ...(one.lists.length === 0
      ? []
      : [`Choices that can be looked up: ${one.lists.map(({ id }) => `\`${id}\``).join(", ")}.`, ""]),
    "## Actions",
    "",
    ...one.actions.flatMap((action) => actionOf(action, one.default_action)),
  ].join("\n")

const authOf = ({ auth }: DescribedConnector): ReadonlyArray<string> => {
  const ways = auth.filter(({ kind }) => kind !== "none")
  if (ways.length === 0) return []
  const words = ways.map(({ kind, settings, description, grant, scopes }) => {
    const needs = settings.map((name) => `\`${name}\``).join(" and ")
    const more =
      kind === "oauth2"
        ? ` (grant \`${grant}\`, scopes ${(scopes ?? []).map((scope) => `\`${scope}\``).join(", ") || "none"})`
        : ""
    return `- ${kind}: ${needs}${more}${description === undefined ? "" : `. ${description}`}`
  })
  return ["Who is asking is proved by one of:", "", ...words, ""]
}

const limitsOf = ({ limits }: DescribedConnector): ReadonlyArray<string> => {
  if (limits === undefined) return []
  const { concurrency, rate, says } = limits
  const kept = [
    ...(rate === undefined ? [] : [`${rate.limit} calls per ${rate.per}`]),
    ...(concurrency === undefined ? [] : [`${concurrency} calls at once`]),
  ]
  return [
    ...(kept.length === 0 ? [] : [`Unless the connection says otherwise it keeps to ${kept.join(" and ")}.`]),
    ...(says === undefined ? [] : [`The vendor's limits: ${says}.`]),
    "",
  ]
}

const actionOf = (action: DescribedAction, usual: string | undefined): ReadonlyArray<string> => [
  `### \`${action.id}\``,
  "",
  `${action.title}${action.id === usual ? " (what a rule means that names no action)" : ""}. ${action.description ?? ""}`.trim(),
  "",
  `- A repeat of a delivery ${repeats[action.repeat]}.`,
  ...(action.batch === undefined ? [] : [`- Up to ${action.batch} deliveries go in one call.`]),
  ...(action.map === "optional" ? ["- The mapping may be left out."] : []),
  ...(action.docs === undefined ? [] : [`- The vendor's page: <${action.docs}>.`]),
  "",
  ...fieldsOf(action.input),
  "",
  ...(action.example === undefined ? [] : ["```json", JSON.stringify(action.example, null, 2), "```", ""]),
]

const fieldsOf = (schema: JsonSchema): ReadonlyArray<string> => {
  const properties = schema["properties"] as { readonly [name: string]: JsonSchema } | undefined
  if (properties === undefined) return ["Anything that is JSON."]
  const required = new Set((schema["required"] as ReadonlyArray<string> | undefined) ?? [])
  return [
    "| field | what it is | |",
    "| --- | --- | --- |",
    ...Object.entries(properties).map(([name, field]) => {
      const choices = field["choices"] === undefined ? "" : ` Choices: \`${String(field["choices"])}\`.`
      const words = `${String(field["description"] ?? "")}${choices}`.replaceAll("|", "\\|")
      return `| \`${name}\`${required.has(name) ? "" : " (optional)"} | ${typeOf(field)} | ${words} |`
    }),
  ]
}

const typeOf = (schema: JsonSchema): string => {
  if (schema["format"] === "secret") return "a secret"
  const values = schema["enum"] as ReadonlyArray<unknown> | undefined
  if (values !== undefined) return values.map((value) => `\`${JSON.stringify(value)}\``).join(" or ")
  const choice = schema["anyOf"] as ReadonlyArray<JsonSchema> | undefined
  if (choice !== undefined) return [...new Set(choice.map(typeOf))].join(" or ")
  switch (schema["type"]) {
    case "string":
      return "text"
    case "array":
      return `list of ${typeOf((schema["items"] ?? {}) as JsonSchema)}`
    case undefined:
      return "anything"
    default:
      return String(schema["type"])
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  mkdirSync(folder, { recursive: true })
  const made = pages()
  for (const file of readdirSync(folder)) if (!made.has(file)) rmSync(join(folder, file))
  for (const [file, text] of made) writeFileSync(join(folder, file), text)
}
