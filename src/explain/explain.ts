/**
 * What an event would do by a config: which rules want it, why the others do not, and exactly what would be sent. Nothing is sent.
 * `meshes explain` shows it, `meshes test` and `meshes/testing` hold it against what was expected.
 */
import { hash } from "node:crypto"
import * as Result from "effect/Result"
import { limits } from "../config/defaults.ts"
import type { Plan, RulePlan, WorkspacePlan } from "../config/plan.ts"
import { isSecretRef, readSecret } from "../config/secrets.ts"
import { findTarget, prepare, requestFor, type Prepared } from "../deliver/prepare.ts"
import type { Token } from "../model/auth.ts"
import { completeRequest, type Completing } from "../model/complete.ts"
import { isAbout } from "../model/connection-state.ts"
import type { AnyAction, Call, HttpRequest } from "../model/connector.ts"
import type { Delivery } from "../model/delivery.ts"
import { parseEvent, type EventDefaults, type ParsedEvent } from "../model/envelope.ts"
import { InvalidInput, type Issue } from "../model/errors.ts"
import type { Event } from "../model/event.ts"
import { makeDeliveryId } from "../model/ids.ts"
import { nearest } from "../model/nearest.ts"
import { matchesType } from "../model/type-pattern.ts"
import { judge } from "../route/match.ts"

/** A delivery as it would be made. */
export interface Sending {
  readonly connection: string
  readonly connector: string
  readonly action: string
  /** What the mapping makes of the event. */
  readonly input?: unknown
  /** What would be sent, with secrets masked; or why nothing can be. */
  readonly request?: unknown
  readonly error?: string
}

/** What one rule says to the event. */
export interface Explained {
  readonly rule: string
  readonly matched: boolean
  readonly because?: string
  readonly actions: ReadonlyArray<Sending>
}

export interface Explanation {
  readonly event: Event
  readonly workspace: WorkspacePlan
  /** What is wrong with the payload: with anything here the event would be refused. Paths start at the event. */
  readonly problems: ReadonlyArray<Issue>
  readonly rules: ReadonlyArray<Explained>
}

interface Surroundings {
  /** When it is explained as if it were, in milliseconds. */
  readonly now: number
  /** Where secrets are looked up; for those that are not there something stands in. */
  readonly env: { readonly [name: string]: string | undefined }
}

/** Fails when the event can be none, or its workspace is not there. @param given as a publisher would send it */
export const explainEvent = async (
  plan: Plan,
  given: unknown,
  around: Surroundings & Pick<EventDefaults, "id">,
): Promise<Result.Result<Explanation, InvalidInput>> => {
  const wrong = (issues: ReadonlyArray<Issue>) => Result.fail(new InvalidInput({ subject: "the event", issues }))
  const only = plan.workspaces.size === 1 ? [...plan.workspaces.keys()][0] : undefined
  const parsed = parseEvent(given, { now: around.now, workspace: only, id: around.id }, limits)
  if (Result.isFailure(parsed)) return wrong(parsed.failure.issues)
  const { event } = parsed.success
  const workspace = plan.workspaces.get(event.workspace)
  if (workspace === undefined) {
    const near = nearest(event.workspace, plan.workspaces.keys())
    const message = `no workspace "${event.workspace}"${near === undefined ? "" : `; did you mean "${near}"?`}`
    return wrong([{ path: ["workspace"], message }])
  }
  const check = workspace.eventTypes.get(event.type)?.check
  const problems = (check?.(event.payload) ?? []).map(({ path, message }) => ({ path: ["payload", ...path], message }))
  const rules = await Promise.all(
    workspace.rules.map((rule) => explainRule(plan, workspace, rule, parsed.success, around)),
  )
  return Result.succeed({ event, workspace, problems, rules })
}

const explainRule = async (
  plan: Plan,
  workspace: WorkspacePlan,
  rule: RulePlan,
  parsed: ParsedEvent,
  around: Surroundings,
): Promise<Explained> => {
  const { event } = parsed
  if (!rule.on.some((pattern) => matchesType(pattern, event.type))) {
    return { rule: rule.id, matched: false, because: `it is on ${rule.on.join(", ")}`, actions: [] }
  }
  const verdict = await judge(workspace, rule, event)
  if (!verdict.matched) return { rule: rule.id, matched: false, because: verdict.because, actions: [] }
  const actions = await Promise.all(
    rule.actions
      .filter(({ connection }) => !isAbout(event.type, event.resource_id, connection))
      .map(({ index }) => explainAction(plan, rule, index, parsed, around)),
  )
  return { rule: rule.id, matched: true, actions }
}

const explainAction = async (
  plan: Plan,
  rule: RulePlan,
  index: number,
  { event, envelope }: ParsedEvent,
  { now, env }: Surroundings,
): Promise<Sending> => {
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
  const { settings, secrets } = withSecrets(connection.settings, env)
  const prepared = await prepare(target.success, settings, delivery, envelope, now)
  if (Result.isFailure(prepared)) return { ...described, error: prepared.failure.message }
  const { input } = prepared.success
  try {
    const request = await previewOf(action, prepared.success, {
      connector: connection.connection.connector,
      settings,
      baseUrl: connection.baseUrl,
      token: placeholderToken,
    })
    return { ...described, input, request: masked(request, secrets) }
  } catch (cause) {
    return { ...described, input, error: (cause as Error).message }
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

/** Stands for a secret that is not set here: of the form that signing secrets have, so that requests can be made; another for each. */
const placeholderOf = (name: string): string =>
  `whsec_${hash("sha256", name, "buffer").subarray(0, 24).toString("base64")}`

/** Settings with secrets in place, and which text belongs to which secret. */
const withSecrets = (
  settings: unknown,
  env: Surroundings["env"],
): { readonly settings: unknown; readonly secrets: ReadonlyMap<string, string> } => {
  const secrets = new Map<string, string>()
  const replace = (part: unknown): unknown => {
    if (Array.isArray(part)) return part.map(replace)
    if (isSecretRef(part)) {
      const found = Result.getOrElse(readSecret(part.name, env), () => placeholderOf(part.name))
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
