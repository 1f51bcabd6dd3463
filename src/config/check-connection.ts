/**
 * Checks a connection: its connector's settings by the connector's own schema, and the options that every connection has.
 */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as SchemaIssue from "effect/SchemaIssue"
import type { Auth, OAuthSetting } from "../model/auth.ts"
import { settingsOf, waysGiven } from "../model/complete.ts"
import { connectionOptionKeys, type Connection, type ConnectorDefinition } from "../model/connector.ts"
import { namePattern, type WorkspaceId } from "../model/ids.ts"
import { hint, shown, type Checker, type Path } from "./check-shape.ts"
import { connectionDefaults, limits } from "./defaults.ts"
import { checkPaths } from "./check-paths.ts"
import type { BatchPlan, Compiler, ConnectionPlan, RetryPlan } from "./plan.ts"

export const checkConnection = (
  check: Checker,
  workspace: WorkspaceId,
  id: string,
  value: unknown,
  path: Path,
  compiler: Compiler,
): ConnectionPlan | undefined => {
  const before = check.issues.length
  if (!namePattern.test(id)) {
    check.note(
      path,
      `"${id}" cannot name a connection: letters, digits, - and _, at most 63, beginning with a letter or digit`,
    )
  }
  if (!isConnection(value)) {
    return check.note(
      path,
      `expected a connection, made by calling a connector such as webhook({ url: "…" }); got ${shown(value)}`,
    )
  }
  const settings = checkSettings(check, value, path)
  const options = value.options as { readonly [key: string]: unknown }
  const known = value.connector.limits
  const rateLimit = checkRateLimit(check, options["rateLimit"] ?? known?.rateLimit, [...path, "rateLimit"])
  const baseUrl = checkBaseUrl(check, value, options["baseUrl"], [...path, "baseUrl"])
  const plan: ConnectionPlan = {
    id,
    workspace,
    connection: value,
    settings,
    concurrency:
      options["concurrency"] === undefined
        ? (known?.concurrency ?? connectionDefaults.concurrency)
        : (check.number(options["concurrency"], [...path, "concurrency"], { min: 1, max: limits.concurrencyMax }) ?? 1),
    timeoutMs:
      options["timeout"] === undefined
        ? connectionDefaults.timeoutMs
        : (check.duration(options["timeout"], [...path, "timeout"], limits.attemptTimeoutMaxMs) ?? 1),
    retry: checkRetry(check, options["retry"], [...path, "retry"], connectionDefaults.retry),
    ...(rateLimit === undefined ? {} : { rateLimit }),
    ordering: checkOrdering(check, options["ordering"], [...path, "ordering"], compiler),
    circuit: checkCircuit(check, options["circuit"], [...path, "circuit"]),
    allowPrivateNetwork: checkFlag(check, options["allowPrivateNetwork"], [...path, "allowPrivateNetwork"]),
    ...(baseUrl === undefined ? {} : { baseUrl }),
    batch: checkBatch(check, options["batch"], [...path, "batch"]),
  }
  return check.issues.length === before ? plan : undefined
}

/** What a connection was made by, whatever is wrong with it; `undefined`: it is none. */
export const connectorOf = (value: unknown): ConnectorDefinition | undefined =>
  isConnection(value) ? value.connector : undefined

const isConnection = (value: unknown): value is Connection =>
  typeof value === "object" && value !== null && (value as Connection)._tag === "Connection"

type SettingsDecoder = (settings: unknown) => Result.Result<unknown, Schema.SchemaError>
const decoders = new WeakMap<ConnectorDefinition, SettingsDecoder>()
const formatIssues = SchemaIssue.makeFormatterStandardSchemaV1()

const checkSettings = (check: Checker, { connector, settings }: Connection, path: Path): unknown => {
  let decode = decoders.get(connector)
  if (decode === undefined) {
    decode = Schema.decodeUnknownResult(connector.settings, { errors: "all", onExcessProperty: "error" })
    decoders.set(connector, decode)
  }
  const decoded = decode(settings)
  if (Result.isFailure(decoded)) {
    for (const issue of formatIssues(decoded.failure.issue).issues) {
      const inner = (issue.path ?? []).map((key) => key as string | number)
      check.note([...path, ...inner], settingMessage(connector, settings, inner, issue.message))
    }
    return undefined
  }
  for (const issue of connector.check?.(decoded.success) ?? []) check.note([...path, ...issue.path], issue.message)
  const lacking = authProblem(connector, decoded.success as { readonly [name: string]: unknown })
  if (lacking !== undefined) check.note(path, lacking)
  return withOAuth(connector, sameContent(settings, decoded.success) ? settings : decoded.success)
}

/** What is wrong with the ways to prove who is asking: none is complete, or several are. */
const authProblem = (
  connector: ConnectorDefinition,
  settings: { readonly [name: string]: unknown },
): string | undefined => {
  const ways = connector.auth ?? []
  if (ways.length === 0) return undefined
  const given = waysGiven(connector, settings)
  const open = ways.some((auth) => auth.kind === "none")
  if (given.length === 1 || (open && given.length <= 2)) return undefined
  const words = ways.filter(({ kind }) => kind !== "none").map((auth) => wordsOf(connector, auth))
  return given.length === 0
    ? `${connector.name} needs ${words.join(", or ")}`
    : `${connector.name} takes one of ${words.join(", ")}; leave the others out`
}

const wordsOf = (connector: ConnectorDefinition, auth: Auth): string =>
  auth.kind === "oauth2"
    ? auth === connector.auth!.find(({ kind }) => kind === "oauth2")
      ? 'auth: "oauth"'
      : `auth: { grant: "${auth.grant}", … }`
    : settingsOf(auth)
        .map((name) => `"${name}"`)
        .join(" and ")

/** The short form of OAuth written out: the app's id and secret are the secrets that the connector names. */
const withOAuth = (connector: ConnectorDefinition, settings: unknown): unknown => {
  if ((settings as { readonly auth?: unknown } | undefined)?.auth !== "oauth") return settings
  const oauth = connector.auth?.find((auth) => auth.kind === "oauth2")
  if (oauth === undefined) return settings
  const auth: OAuthSetting = {
    clientId: { _tag: "Secret", name: oauth.clientId },
    clientSecret: { _tag: "Secret", name: oauth.clientSecret },
  }
  return { ...(settings as object), auth }
}

/** Whether decoding changed nothing: then the config's own object, which is there anyway, serves as well as the copy. */
const sameContent = (a: unknown, b: unknown): boolean => {
  if (Object.is(a, b)) return true
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false
  if (Object.getPrototypeOf(a) !== Object.getPrototypeOf(b)) return false
  const keys = Object.keys(a)
  return (
    keys.length === Object.keys(b).length &&
    keys.every((key) => Object.hasOwn(b, key) && sameContent((a as any)[key], (b as any)[key]))
  )
}

/** The schema's message with the value, unless that may be a secret somebody wrote into the config. */
const settingMessage = (connector: ConnectorDefinition, settings: unknown, path: Path, message: string): string => {
  const key = String(path.at(-1))
  if (message === "Expected no excess property") {
    const known = path.length === 1 ? [...fieldsOf(connector), ...connectionOptionKeys] : []
    return `"${key}" is not a setting of ${connector.name}${hint(key, known)}`
  }
  if (message === "Missing key") return `${connector.name} needs "${key}"`
  if (message.includes("secret(")) return message
  let value = settings
  for (const step of path) value = (value as { readonly [key: string]: unknown } | undefined)?.[step]
  return `${message}, got ${shown(value)}`
}

const fieldsOf = (connector: ConnectorDefinition): ReadonlyArray<string> =>
  Object.keys((connector.settings as { readonly fields?: object }).fields ?? {})

const checkFlag = (check: Checker, value: unknown, path: Path): boolean => {
  if (value === undefined || typeof value === "boolean") return value ?? false
  check.note(path, `expected true or false, got ${shown(value)}`)
  return false
}

const checkBaseUrl = (check: Checker, { connector }: Connection, value: unknown, path: Path): string | undefined => {
  if (value === undefined) return undefined
  if (connector.baseUrl === undefined) {
    return check.note(path, `${connector.name} has no base URL; leave it out, and write the address in its settings`)
  }
  const given = check.text(value, path)
  if (given === undefined) return undefined
  const url = URL.canParse(given) ? new URL(given) : undefined
  const plain = url !== undefined && /^https?:$/.test(url.protocol) && url.username === "" && url.password === ""
  return plain && url.search === "" && url.hash === ""
    ? given
    : check.note(path, "expected a URL such as https://api.example.com, without a query, a user or a password")
}

const checkBatch = (check: Checker, value: unknown, path: Path): BatchPlan | false => {
  if (value === undefined) return connectionDefaults.batch
  if (value === false) return false
  const batch = check.object(value, path, ["size", "wait"])
  if (batch === undefined) return false
  const size =
    batch["size"] === undefined
      ? undefined
      : check.number(batch["size"], [...path, "size"], { min: 1, max: limits.batchSizeMax })
  const waitMs =
    batch["wait"] === undefined
      ? connectionDefaults.batch.waitMs
      : check.duration(batch["wait"], [...path, "wait"], limits.batchWaitMaxMs)
  return { ...(size === undefined ? {} : { size }), waitMs: waitMs ?? connectionDefaults.batch.waitMs }
}

const checkRateLimit = (check: Checker, value: unknown, path: Path): ConnectionPlan["rateLimit"] => {
  if (value === undefined) return undefined
  const rate = check.object(value, path, ["limit", "per"])
  if (rate === undefined) return undefined
  const limit = check.number(rate["limit"], [...path, "limit"], { min: 1, max: limits.rateLimitMax })
  const perMs = check.duration(rate["per"], [...path, "per"], limits.rateLimitPerMaxMs)
  return limit === undefined || perMs === undefined
    ? undefined
    : check.shared(`rate ${limit} ${perMs}`, { limit, perMs })
}

const checkOrdering = (check: Checker, value: unknown, path: Path, compiler: Compiler): ConnectionPlan["ordering"] => {
  if (value === undefined || value === "none" || value === "connection") return value ?? "none"
  if (typeof value === "string") {
    check.note(path, `expected "none", "connection" or { key: "payload.…" }, got ${shown(value)}`)
    return "none"
  }
  const given = check.object(value, path, ["key"])
  const source = given === undefined ? undefined : check.text(given["key"], [...path, "key"])
  if (source === undefined) return "none"
  const key = compiler.expression(source)
  if (Result.isFailure(key)) {
    check.note([...path, "key"], key.failure)
    return "none"
  }
  checkPaths(check, key.success, [...path, "key"], undefined)
  return check.shared(`ordering ${source}`, { key: key.success })
}

const checkCircuit = (check: Checker, value: unknown, path: Path): ConnectionPlan["circuit"] => {
  const base = connectionDefaults.circuit
  if (value === undefined || value === false) return value ?? base
  const given = check.object(value, path, ["failures", "rate", "wait", "maxWait"])
  if (given === undefined) return base
  const of = <A>(key: string, read: (value: unknown, path: Path) => A | undefined, otherwise: A): A =>
    given[key] === undefined ? otherwise : (read(given[key], [...path, key]) ?? otherwise)
  const waitMs = of("wait", (v, p) => check.duration(v, p, limits.circuitWaitMaxMs), base.waitMs)
  const circuit = {
    failures: of("failures", (v, p) => check.number(v, p, { min: 1, max: limits.circuitFailuresMax }), base.failures),
    rate: of("rate", (v, p) => check.number(v, p, { min: 0.01, max: 1, whole: false }), base.rate),
    minimum: base.minimum,
    waitMs,
    maxWaitMs: of("maxWait", (v, p) => check.duration(v, p, limits.circuitWaitMaxMs), Math.max(base.maxWaitMs, waitMs)),
  }
  return check.shared(`circuit ${Object.values(circuit).join(" ")}`, circuit)
}

/** A retry schedule over the one it refines. */
export const checkRetry = (check: Checker, value: unknown, path: Path, base: RetryPlan): RetryPlan => {
  if (value === undefined) return base
  const given = check.object(value, path, ["attempts", "initial", "factor", "max", "jitter"])
  if (given === undefined) return base
  const maxMs = limits.retryWaitMaxMs
  const of = <A>(key: string, read: (value: unknown, path: Path) => A | undefined, otherwise: A): A =>
    given[key] === undefined ? otherwise : (read(given[key], [...path, key]) ?? otherwise)
  const retry = {
    attempts: of("attempts", (v, p) => check.number(v, p, { min: 1, max: limits.retryAttemptsMax }), base.attempts),
    initialMs: of("initial", (v, p) => check.duration(v, p, maxMs), base.initialMs),
    factor: of("factor", (v, p) => check.number(v, p, { min: 1, max: 100, whole: false }), base.factor),
    maxMs: of("max", (v, p) => check.duration(v, p, maxMs), base.maxMs),
    jitter: of("jitter", (v, p) => check.number(v, p, { min: 0, max: 1, whole: false }), base.jitter),
  }
  return check.shared(`retry ${Object.values(retry).join(" ")}`, retry)
}
