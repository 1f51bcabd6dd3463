/**
 * `meshes explain`: which rules want this event, why the others do not, and exactly what would be sent. Nothing is sent.
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Command from "effect/cli/Command"
import { limits } from "../config/defaults.ts"
import type { Plan, RulePlan, WorkspacePlan } from "../config/plan.ts"
import { isSecretRef, readSecret } from "../config/secrets.ts"
import { findTarget, prepare, requestFor, type Prepared } from "../deliver/prepare.ts"
import type { Token } from "../model/auth.ts"
import { completeRequest, type Completing } from "../model/complete.ts"
import type { AnyAction, Call, HttpRequest } from "../model/connector.ts"
import type { Delivery } from "../model/delivery.ts"
import { parseEvent, type ParsedEvent } from "../model/envelope.ts"
import { formatPath, InvalidInput } from "../model/errors.ts"
import { makeDeliveryId } from "../model/ids.ts"
import { nearest } from "../model/nearest.ts"
import { matchesType } from "../model/type-pattern.ts"
import { judge } from "../route/match.ts"
import { planOf, settingsOf, shared } from "./context.ts"
import { bad, good, note, paint, print, printJson } from "./output.ts"
import { eventFlags, eventOf } from "./publish.ts"

interface Sending {
  readonly connection: string
  readonly connector: string
  readonly action: string
  /** What would be sent, with secrets masked; or why nothing can be. */
  readonly request?: unknown
  readonly error?: string
}

interface Explained {
  readonly rule: string
  readonly matched: boolean
  readonly because?: string
  readonly actions: ReadonlyArray<Sending>
}

export const explain = Command.make(
  "explain",
  eventFlags,
  Effect.fn(function* (flags) {
    const { config, json } = yield* shared
    const settings = yield* settingsOf({ config })
    const plan = yield* planOf(settings)
    const given = yield* eventOf(flags)
    const only = plan.workspaces.size === 1 ? [...plan.workspaces.keys()][0] : undefined
    const parsed = parseEvent(given, { now: Date.now(), workspace: only }, limits)
    if (Result.isFailure(parsed))
      return yield* new InvalidInput({ subject: "the event", issues: parsed.failure.issues })
    const { event } = parsed.success
    const workspace = plan.workspaces.get(event.workspace)
    if (workspace === undefined) {
      const near = nearest(event.workspace, plan.workspaces.keys())
      const message = `no workspace "${event.workspace}"${near === undefined ? "" : `; did you mean "${near}"?`}`
      return yield* new InvalidInput({ subject: "the event", issues: [{ path: ["workspace"], message }] })
    }
    const type = workspace.eventTypes.get(event.type)
    const problems = (type?.check?.(event.payload) ?? []).map(({ path, message }) => ({
      path: formatPath(["payload", ...path]),
      message,
    }))
    const rules = yield* Effect.promise(() =>
      Promise.all(workspace.rules.map((rule) => explainRule(plan, workspace, rule, parsed.success))),
    )
    if (json) return printJson({ event, accepted: problems.length === 0, errors: problems, rules })
    print(`${event.type} in ${event.workspace}`)
    if (problems.length > 0) {
      bad("it would be refused (422), as its payload does not fit the type's schema:")
      for (const { path, message } of problems) note(`  ${path}: ${message}`)
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

const explainRule = async (
  plan: Plan,
  workspace: WorkspacePlan,
  rule: RulePlan,
  parsed: ParsedEvent,
): Promise<Explained> => {
  const { event } = parsed
  if (!rule.on.some((pattern) => matchesType(pattern, event.type))) {
    return { rule: rule.id, matched: false, because: `it is on ${rule.on.join(", ")}`, actions: [] }
  }
  const verdict = await judge(workspace, rule, event)
  if (!verdict.matched) return { rule: rule.id, matched: false, because: verdict.because, actions: [] }
  const actions = await Promise.all(rule.actions.map(({ index }) => explainAction(plan, rule, index, parsed)))
  return { rule: rule.id, matched: true, actions }
}

const explainAction = async (
  plan: Plan,
  rule: RulePlan,
  index: number,
  { event, envelope }: ParsedEvent,
): Promise<Sending> => {
  const now = Date.now()
  const planned = rule.actions[index]!
  const delivery: Delivery = {
    id: makeDeliveryId(event.id, 0, now, rule.id, index),
    event: event.id,
    type: event.type,
    workspace: event.workspace,
    rule: rule.id,
    action: index,
    connection: planned.connection,
    revision: plan.revision,
    created: now,
    state: "pending",
    attempt: 1,
  }
  const target = findTarget(plan, delivery)
  const head = { connection: planned.connection, action: planned.action, connector: "" }
  if (Result.isFailure(target)) return { ...head, error: target.failure.message }
  const { connection, action } = target.success
  const described = { ...head, connector: connection.connection.connector.name }
  const { settings, secrets } = withSecrets(connection.settings)
  const prepared = await prepare(target.success, settings, delivery, envelope, now)
  if (Result.isFailure(prepared)) return { ...described, error: prepared.failure.message }
  try {
    const request = await previewOf(action, prepared.success, {
      connector: connection.connection.connector,
      settings,
      baseUrl: connection.baseUrl,
      token: placeholderToken,
    })
    return { ...described, request: masked(request, secrets) }
  } catch (cause) {
    return { ...described, error: (cause as Error).message }
  }
}

const previewOf = async (action: AnyAction, { input, context }: Prepared, about: Completing): Promise<unknown> => {
  if ("run" in action) return action.preview(input, context)
  if (!("steps" in action)) return printable(requestFor(action, { input, context }, about))
  let first: unknown = "nothing"
  const call: Call = (said) => {
    first = { ...printable(completeRequest(said, about)), after: "more calls, by what it answers" }
    return new Promise(() => {})
  }
  // It is not known what the vendor would answer: the first call is all that can be shown.
  void action.steps(input, context, call).catch(() => {})
  await new Promise((resolve) => setImmediate(resolve))
  return first
}

/** What stands for a token that is not known here. */
const placeholderToken: Token = { accessToken: "***", kept: {} }

/** A value that a secret which is not set here stands for: of the form that signing secrets have, so that requests can be made. */
const placeholder = `whsec_${Buffer.alloc(24).toString("base64")}`

/** Settings with secrets in place, and which text belongs to which secret. */
const withSecrets = (
  settings: unknown,
): { readonly settings: unknown; readonly secrets: ReadonlyMap<string, string> } => {
  const secrets = new Map<string, string>()
  const replace = (part: unknown): unknown => {
    if (Array.isArray(part)) return part.map(replace)
    if (isSecretRef(part)) {
      const found = Result.getOrElse(readSecret(part.name, process.env), () => placeholder)
      secrets.set(found, `secret("${part.name}")`)
      // Basic authentication hides it in base64; a URL escapes it.
      secrets.set(encodeURIComponent(found), `secret("${part.name}")`)
      return found
    }
    if (typeof part !== "object" || part === null) return part
    return Object.fromEntries(Object.entries(part).map(([key, inner]) => [key, replace(inner)]))
  }
  return { settings: replace(settings), secrets }
}

const printable = (request: HttpRequest): object => {
  const body = typeof request.body === "object" ? Buffer.from(request.body).toString() : request.body
  return { ...request, body: body === undefined ? undefined : parsedOr(body) }
}

const parsedOr = (text: string): unknown => {
  try {
    return JSON.parse(text) as unknown
  } catch {
    return text
  }
}

/** Secrets never leave, wherever in the request they stand. */
const masked = (value: unknown, secrets: ReadonlyMap<string, string>): unknown => {
  if (typeof value === "string") {
    let text = value
    for (const [secret, name] of secrets) text = text.replaceAll(secret, `***${name}***`)
    return text
  }
  if (Array.isArray(value)) return value.map((one) => masked(one, secrets))
  if (typeof value !== "object" || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [
      key,
      key === "authorization" && secrets.size > 0 && typeof inner === "string"
        ? `${inner.split(" ")[0]} ***`
        : masked(inner, secrets),
    ]),
  )
}

const show = (rule: Explained): void => {
  if (!rule.matched) return print(`${paint.dim("–")} ${rule.rule}: no, ${rule.because ?? ""}`)
  print(`${paint.green("✓")} ${rule.rule}`)
  for (const sending of rule.actions) {
    print(`  → ${sending.connection} (${sending.connector}.${sending.action})`)
    if (sending.error !== undefined) print(`    ${paint.red("would be dead at once")}: ${sending.error}`)
    else if (typeof sending.request === "string") print(`    ${sending.request}`)
    else showRequest(sending.request)
  }
}

const showRequest = (request: unknown): void => {
  const { method, url, shown, headers, body, ...rest } = request as { readonly [key: string]: any }
  if (method !== undefined) print(`    ${method} ${shown ?? url}`)
  for (const [key, value] of Object.entries({ ...rest, ...headers }))
    print(`    ${key}: ${typeof value === "string" ? value : JSON.stringify(value)}`)
  if (body !== undefined) for (const line of JSON.stringify(body, null, 2).split("\n")) print(`    ${line}`)
}
