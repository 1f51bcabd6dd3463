/**
 * The reference of the API as a page: rendered from its OpenAPI document, whole in itself. It runs nothing and asks for nothing, so that it
 * is the same offline, and its policy allows nothing but its own style.
 */
import { hash } from "node:crypto"
import { escaped } from "./page.ts"

interface Schema {
  readonly [keyword: string]: any
}

const style = `
:root { color-scheme: light dark; --line: #8884; --soft: #8881; --dim: light-dark(#666, #aaa); font: 15px/1.5 system-ui, sans-serif }
body { margin: 0; background: Canvas; color: CanvasText; display: grid; grid-template-columns: minmax(14rem, 18rem) minmax(0, 1fr) }
nav { position: sticky; top: 0; height: 100vh; overflow: auto; border-right: 1px solid var(--line); padding: 1rem; box-sizing: border-box }
nav h2 { font-size: .8rem; margin: 1rem 0 .2rem; color: var(--dim) } nav a { display: block; font-size: .85rem; padding: .1rem 0 }
main { padding: 1rem 2rem 4rem; max-width: 60rem } a { color: inherit; text-underline-offset: .2em; text-decoration-color: var(--line) }
section { border-top: 1px solid var(--line); padding-top: .5rem; margin-top: 1.5rem } h3 { margin: .5rem 0 }
code, pre { font: .85em/1.5 ui-monospace, monospace } pre { background: var(--soft); padding: .7rem; overflow: auto; border-radius: .3rem }
table { border-collapse: collapse; width: 100%; margin: .5rem 0 } td, th { text-align: left; vertical-align: top; padding: .25rem .75rem .25rem 0; border-top: 1px solid var(--line) }
td:first-child { white-space: nowrap } b.method { display: inline-block; min-width: 4.2rem; font: bold .8rem ui-monospace, monospace } small { color: var(--dim) }
summary { cursor: pointer; padding: .2rem 0 } @media (max-width: 50rem) { body { display: block } nav { position: static; height: auto; border: 0 }
  main { padding: 1rem } h3, td, code { overflow-wrap: anywhere } td:first-child { white-space: normal } }
`

export const referenceHeaders = {
  "content-type": "text/html; charset=utf-8",
  "content-security-policy":
    `default-src 'none'; style-src 'sha256-${hash("sha256", style, "base64")}'; ` +
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
} as const

/** Text as the contract writes it: with code between backticks. */
const prose = (text: string | undefined): string =>
  escaped(text ?? "").replace(/`([^`]+)`/g, (_, code: string) => `<code>${code}</code>`)

const anchorOf = (schema: string): string => `schema-${schema}`
const refersTo = (schema: Schema): string | undefined => schema["$ref"]?.replace("#/components/schemas/", "")

/** What a value is, in few words. */
const typeOf = (schema: Schema): string => {
  const name = refersTo(schema)
  if (name !== undefined) return `<a href="#${anchorOf(name)}">${escaped(name)}</a>`
  const choices: ReadonlyArray<Schema> | undefined = schema["anyOf"] ?? schema["oneOf"]
  if (choices !== undefined) return choices.map(typeOf).join(" or ")
  if (schema["const"] !== undefined) return `<code>${escaped(JSON.stringify(schema["const"]))}</code>`
  if (schema["enum"] !== undefined) {
    return schema["enum"].map((one: unknown) => `<code>${escaped(String(one))}</code>`).join(", ")
  }
  if (schema["type"] === "array") return `list of ${typeOf(schema["items"] ?? {})}`
  return escaped(schema["format"] ?? schema["type"] ?? "any")
}

const fieldsOf = (schema: Schema): string => {
  const fields = Object.entries<Schema>(schema["properties"] ?? {})
  if (fields.length === 0) return ""
  const required: ReadonlyArray<string> = schema["required"] ?? []
  const rows = fields.map(([name, field]) => {
    const inner = field["type"] === "array" ? (field["items"] ?? {}) : field
    const nested = refersTo(inner) === undefined ? fieldsOf(inner) : ""
    const optional = required.includes(name) ? "" : " <small>optional</small>"
    return `<tr><td><code>${escaped(name)}</code>${optional}</td><td>${typeOf(field)}</td><td>${prose(field["description"])}${nested}</td></tr>`
  })
  return `<table>${rows.join("")}</table>`
}

const shapeOf = (schema: Schema): string =>
  refersTo(schema) === undefined && schema["properties"] !== undefined ? fieldsOf(schema) : `<p>${typeOf(schema)}</p>`

const exampleOf = (example: unknown): string =>
  example === undefined ? "" : `<pre tabindex="0">${escaped(JSON.stringify(example, null, 2))}</pre>`

const contentOf = (content: { readonly [media: string]: any } | undefined): string =>
  Object.entries(content ?? {})
    .map(
      ([media, { schema, example }]) =>
        `<p><small>${escaped(media)}</small></p>${shapeOf(schema ?? {})}${exampleOf(example)}`,
    )
    .join("")

const parametersOf = (parameters: ReadonlyArray<any>): string =>
  parameters.length === 0
    ? ""
    : `<table>${parameters
        .map(
          ({ name, in: place, required, description, example }) =>
            `<tr><td><code>${escaped(name)}</code> <small>${escaped(place)}${required === true ? "" : ", optional"}</small></td>` +
            `<td>${prose(description)}${example === undefined ? "" : ` <small>such as ${escaped(String(example))}</small>`}</td></tr>`,
        )
        .join("")}</table>`

interface Call {
  readonly method: string
  readonly path: string
  readonly operation: any
}

const answersOf = (responses: { readonly [status: string]: any }): string =>
  Object.entries(responses)
    .map(([status, { description, content }]) => {
      const head = `<b>${escaped(status)}</b> ${prose(description)}`
      const inside = contentOf(content)
      return inside === "" ? `<p>${head}</p>` : `<details><summary>${head}</summary>${inside}</details>`
    })
    .join("")

const callOf = ({ method, path, operation }: Call): string =>
  [
    `<section id="${escaped(operation.operationId)}"><h3><b class="method">${method}</b> <code>${escaped(path)}</code></h3>`,
    `<p>${prose([operation.summary, operation.description].filter(Boolean).join(". ").replaceAll("..", "."))}</p>`,
    (operation.security ?? []).length === 0 ? "<p><small>Asks for no key.</small></p>" : "",
    parametersOf(operation.parameters ?? []),
    operation.requestBody === undefined ? "" : `<h4>Body</h4>${contentOf(operation.requestBody.content)}`,
    `<h4>Answers</h4>${answersOf(operation.responses ?? {})}</section>`,
  ].join("")

export const renderReference = (spec: any): string => {
  const calls = Object.entries<any>(spec.paths).flatMap(([path, operations]) =>
    Object.entries<any>(operations).map(([verb, operation]): Call => ({ method: verb.toUpperCase(), path, operation })),
  )
  const groups = (spec.tags as ReadonlyArray<any>).map(({ name, description }) => ({
    name,
    description,
    calls: calls.filter(({ operation }) => operation.tags?.includes(name) === true),
  }))
  const schemas = Object.entries<any>(spec.components.schemas).toSorted(([a], [b]) => (a < b ? -1 : 1))
  return [
    '<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">',
    `<title>${escaped(spec.info.title)}: the HTTP API</title><style>${style}</style></head><body><nav>`,
    ...groups.map(
      (group) =>
        `<h2>${escaped(group.name)}</h2>${group.calls
          .map(
            ({ operation }) =>
              `<a href="#${escaped(operation.operationId)}">${escaped(operation.summary ?? operation.operationId)}</a>`,
          )
          .join("")}`,
    ),
    '<h2>Schemas</h2><a href="#schemas">All of them</a></nav><main>',
    `<h1>${escaped(spec.info.title)}</h1><p>${prose(spec.info.description)}</p>`,
    '<p>For programs: <a href="/openapi.json">/openapi.json</a>, OpenAPI 3.1.</p>',
    ...groups.map(
      ({ name, description, calls }) =>
        `<h2>${escaped(name)}</h2><p>${prose(description)}</p>${calls.map(callOf).join("")}`,
    ),
    '<h2 id="schemas">Schemas</h2>',
    ...schemas.map(
      ([name, schema]) =>
        `<section id="${anchorOf(name)}"><h3>${escaped(name)}</h3><p>${prose(schema.description)}</p>${shapeOf(schema)}</section>`,
    ),
    "</main></body></html>\n",
  ].join("\n")
}
