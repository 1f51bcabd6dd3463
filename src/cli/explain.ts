/**
 * `meshes explain`: which rules want this event, why the others do not, and exactly what would be sent. Nothing is sent.
 */
import * as Effect from "effect/Effect"
import * as Command from "effect/cli/Command"
import type { Preview } from "../deliver/preview.ts"
import { explainEvent, type Explained } from "../explain/explain.ts"
import { formatPath } from "../model/errors.ts"
import { planOf, settingsOf, shared } from "./context.ts"
import { bad, good, note, paint, print, printJson } from "./output.ts"
import { eventFlags, eventOf } from "./publish.ts"

export const explain = Command.make(
  "explain",
  eventFlags,
  Effect.fn(function* (flags) {
    const { config, json } = yield* shared
    const settings = yield* settingsOf({ config })
    const plan = yield* planOf(settings)
    const given = yield* eventOf(flags)
    const { event, problems, rules } = yield* Effect.flatMap(
      Effect.promise(() => explainEvent(plan, given, { now: Date.now(), env: process.env })),
      Effect.fromResult,
    )
    if (json) {
      const errors = problems.map(({ path, message }) => ({ path: formatPath(path), message }))
      return printJson({ event, accepted: errors.length === 0, errors, rules })
    }
    print(`${event.type} in ${event.workspace}`)
    if (problems.length > 0) {
      bad("it would be refused (422), as its payload does not fit the type's schema:")
      for (const { path, message } of problems) note(`  ${formatPath(path)}: ${message}`)
    }
    for (const rule of rules) show(rule)
    const count = rules.reduce((sum, { actions }) => sum + actions.length, 0)
    if (count === 0) note("no rule wants it: it would be kept and recorded as unmatched")
    else good(`${count} ${count === 1 ? "delivery" : "deliveries"}; nothing was sent`)
  }),
).pipe(
  Command.withDescription("Show which rules match an event and exactly what would be sent; nothing is sent"),
  Command.withExamples([
    {
      command: `meshes explain lead.created -w acme -d '{"id":"1","plan":"pro"}'`,
      description: "What this event would do",
    },
  ]),
)

const show = (rule: Explained): void => {
  if (!rule.matched) return print(`${paint.dim("–")} ${rule.rule}: no, ${rule.because ?? ""}`)
  print(`${paint.green("✓")} ${rule.rule}`)
  rule.actions.forEach(showPreview)
}

export const showPreview = ({ connection, connector, action, error, request }: Preview): void => {
  print(`  → ${connection} (${connector}.${action})`)
  if (error !== undefined) print(`    ${paint.red("would be dead at once")}: ${error}`)
  else if (typeof request === "string") print(`    ${request}`)
  else showRequest(request)
}

const showRequest = (request: unknown): void => {
  const { method, url, shown, headers, body, ...rest } = request as { readonly [key: string]: any }
  if (method !== undefined) print(`    ${method} ${shown ?? url}`)
  for (const [key, value] of Object.entries({ ...rest, ...headers }))
    print(`    ${key}: ${typeof value === "string" ? value : JSON.stringify(value)}`)
  if (body !== undefined) for (const line of JSON.stringify(body, null, 2).split("\n")) print(`    ${line}`)
}
