/**
 * Exactly what a delivery would send, by the config and with secrets masked. Nothing is sent and nobody is asked: what only a vendor or
 * the vault knows has something in its place.
 */
import { hash } from "node:crypto"
import * as Result from "effect/Result"
import type { Plan } from "../config/plan.ts"
import { isSecretRef, readSecret } from "../config/secrets.ts"
import type { Token } from "../model/auth.ts"
import { completeRequest, type Completing } from "../model/complete.ts"
import type { AnyAction, Call, HttpRequest } from "../model/connector.ts"
import type { Delivery } from "../model/delivery.ts"
import { findTarget, prepare, requestFor, type Prepared } from "./prepare.ts"

/** A delivery as it would be made. */
export interface Preview {
  readonly connection: string
  readonly connector: string
  readonly action: string
  /** What the mapping makes of the event. */
  readonly input?: unknown
  /** What would be sent, with secrets masked; or why nothing can be. */
  readonly request?: unknown
  readonly error?: string
}

export interface Surroundings {
  /** When it is sent as if it were, in milliseconds. */
  readonly now: number
  /** Where secrets are looked up; for those that are not there something stands in. */
  readonly env: { readonly [name: string]: string | undefined }
}

export const previewDelivery = async (
  plan: Plan,
  delivery: Delivery,
  envelope: Uint8Array,
  { now, env }: Surroundings,
): Promise<Preview> => {
  const target = findTarget(plan, delivery)
  const head = { connection: delivery.connection, action: "", connector: "" }
  if (Result.isFailure(target)) return { ...head, error: target.failure.message }
  const { connection, action, rule } = target.success
  const described = { ...head, action: rule.action, connector: connection.connection.connector.name }
  const { settings, secrets } = withSecrets(connection.settings, env)
  const prepared = await prepare(target.success, settings, { ...delivery, attempt: 1 }, envelope, now)
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
