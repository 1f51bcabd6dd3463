/**
 * The settings of one process, from its environment: where the config is, where to listen, which NATS. Each variable can also be a file
 * (`NAME_FILE`). All that is wrong is told at once.
 */
import { createSecretKey, type KeyObject } from "node:crypto"
import { isAbsolute, resolve } from "node:path"
import * as Result from "effect/Result"
import { formatPath, InvalidInput, type Issue } from "../model/errors.ts"
import type { KeyTerms } from "../model/key.ts"
import { checkTerms, configTermNames, termFields } from "./check-key.ts"
import { Checker, hint } from "./check-shape.ts"
import { defaults, limits } from "./defaults.ts"
import { readVariable } from "./secrets.ts"

export const logLevels = ["trace", "debug", "info", "warn", "error", "none"] as const
export type LogLevel = (typeof logLevels)[number]

/** A key of `MESHES_KEYS`: as `KeyInput` of the config, with the key itself. */
export interface SettingsKey extends KeyTerms {
  readonly name: string
  readonly key: string
}

export interface Settings {
  /** Absolute. */
  readonly configFile: string
  /** 0: any free one. */
  readonly port: number
  readonly host: string
  /** Absent: the embedded server. */
  readonly natsUrl?: string
  /** The binary of the embedded server; absent: found or fetched. */
  readonly natsServer?: string
  /** Absolute. */
  readonly dataDir: string
  readonly adminKey?: string
  readonly keys: ReadonlyArray<SettingsKey>
  /** The vault's key ring, newest first: objects that do not show themselves when they are printed. Empty: no vault. */
  readonly secretKeys: ReadonlyArray<KeyObject>
  /** How browsers reach the HTTP server, without a slash at its end. Absent: at the address it listens on. */
  readonly publicUrl?: string
  /** Origins that browsers may be sent to when a connection is authorized, beside the server's own. */
  readonly returnTo: ReadonlyArray<string>
  readonly logLevel: LogLevel
  /** Processes that share the port and the work. */
  readonly workers: number
  /** Whether the config is taken up when its files change, without being told to. */
  readonly watch: boolean
  /** Base URL of an OpenTelemetry collector that takes OTLP over HTTP. */
  readonly otlpEndpoint?: string
}

/** What the command line says beats what the environment says. */
export interface SettingsFlags {
  readonly config?: string
  readonly port?: number
  readonly host?: string
  readonly workers?: number
  readonly watch?: boolean
}

/** Shorter ones could be guessed. */
const adminKeyCharactersMin = 16

type Environment = { readonly [name: string]: string | undefined }

/** @param env defaults to nothing: pass `process.env` */
export const loadSettings = (env: Environment, flags: SettingsFlags = {}): Result.Result<Settings, InvalidInput> => {
  const issues: Array<Issue> = []
  const read = (name: string): string | undefined => {
    const found = readVariable(name, env)
    if (Result.isSuccess(found)) return found.success
    issues.push({ path: [`${name}_FILE`], message: found.failure })
    return undefined
  }
  const checked = <A>(name: string, parse: (text: string) => A | string): A | undefined => {
    const text = read(name)
    if (text === undefined) return undefined
    const parsed = parse(text)
    if (typeof parsed !== "object") {
      issues.push({ path: [name], message: String(parsed) })
      return undefined
    }
    return parsed
  }
  const port = checked("MESHES_PORT", (text) =>
    /^\d{1,5}$/.test(text) && Number(text) < 65_536
      ? { value: Number(text) }
      : `"${text}" is not a port: 0 to 65535, 0 for any free one`,
  )
  const natsUrl = checked("MESHES_NATS_URL", (text) =>
    natsUrlPattern.test(text) ? { value: text } : `not a NATS URL such as "nats://host:4222" (several apart by commas)`,
  )
  const adminKey = checked("MESHES_ADMIN_KEY", (text) =>
    text.length >= adminKeyCharactersMin && /^\S+$/.test(text)
      ? { value: text }
      : `an admin key has at least ${adminKeyCharactersMin} characters and no spaces; this one has ${text.length}`,
  )
  const logLevel = checked("MESHES_LOG_LEVEL", (text) => {
    const level = logLevels.find((one) => one === text.toLowerCase())
    return level === undefined ? `"${text}" is not a log level${hint(text, logLevels)}` : { value: level }
  })
  const workers = checked("MESHES_WORKERS", (text) => {
    const problem = workersProblem(text)
    return problem === undefined ? { value: Number(text) } : problem
  })
  const watch = checked("MESHES_WATCH", (text) =>
    /^(?:true|false)$/.test(text) ? { value: text === "true" } : `"${text}" is neither "true" nor "false"`,
  )
  const otlp = checked("OTEL_EXPORTER_OTLP_ENDPOINT", (text) =>
    /^https?:\/\//.test(text) && URL.canParse(text)
      ? { value: text }
      : `"${text}" is not a URL such as "http://host:4318"`,
  )
  const keys = checked("MESHES_KEYS", parseKeys)
  const secretKeys = checked("MESHES_SECRET_KEYS", parseSecretKeys)
  const publicUrl = checked("MESHES_PUBLIC_URL", (text) => {
    const problem = publicUrlProblem(text)
    return problem === undefined ? { value: text.replace(/\/+$/, "") } : problem
  })
  const returnTo = checked("MESHES_RETURN_TO", (text) => {
    const origins = text.split(/[\s,]+/).filter((part) => part !== "")
    const wrong = origins.find((one) => !URL.canParse(one) || new URL(one).origin !== one)
    return wrong === undefined
      ? { value: origins }
      : `"${wrong}" is not an origin such as "https://app.example.com" (several apart by commas)`
  })
  const natsServer = read("MESHES_NATS_SERVER")
  const config = flags.config ?? read("MESHES_CONFIG") ?? defaults.configFile
  const host = flags.host ?? read("MESHES_HOST") ?? defaults.host
  const dataDir = read("MESHES_DATA_DIR") ?? defaults.dataDir
  if (issues.length > 0) return Result.fail(new InvalidInput({ subject: "the environment", issues }))
  return Result.succeed({
    configFile: isAbsolute(config) ? config : resolve(config),
    port: flags.port ?? port?.value ?? defaults.port,
    host,
    ...(natsUrl === undefined ? {} : { natsUrl: natsUrl.value }),
    ...(natsServer === undefined ? {} : { natsServer }),
    dataDir: resolve(dataDir),
    ...(adminKey === undefined ? {} : { adminKey: adminKey.value }),
    keys: keys?.value ?? [],
    secretKeys: secretKeys?.value ?? [],
    ...(publicUrl === undefined ? {} : { publicUrl: publicUrl.value }),
    returnTo: returnTo?.value ?? [],
    logLevel: logLevel?.value ?? defaults.logLevel,
    workers: flags.workers ?? workers?.value ?? defaults.workers,
    watch: flags.watch ?? watch?.value ?? false,
    ...(otlp === undefined ? {} : { otlpEndpoint: otlp.value }),
  })
}

/** What is wrong with a number of workers, if anything. */
export const workersProblem = (given: string | number): string | undefined =>
  /^\d{1,3}$/.test(`${given}`) && Number(given) >= 1 && Number(given) <= limits.workersMax
    ? undefined
    : `"${given}" is not a number of workers: 1 to ${limits.workersMax}`

/** Vendors send codes there: over an open line only to this machine. */
const publicUrlProblem = (text: string): string | undefined => {
  if (!URL.canParse(text)) return `"${text}" is not a URL such as "https://meshes.example.com"`
  const { protocol, hostname, username, password, search, hash } = new URL(text)
  if (username + password + search + hash !== "") return "holds more than a host and a path: take the rest out"
  const here = hostname === "localhost" || hostname === "[::1]" || /^127(?:\.\d+){3}$/.test(hostname)
  return protocol === "https:" || (protocol === "http:" && here)
    ? undefined
    : `"${text}" is not https: vendors send codes there, so it must be, except on this machine (http://127.0.0.1:4400)`
}

const natsUrlPattern = /^(?:nats|tls|ws|wss):\/\/[^\s,]+(?:,(?:nats|tls|ws|wss):\/\/[^\s,]+)*$/

const keysForm = 'a JSON list such as [{ "name": "site", "key": "…", "scopes": ["publish"], "workspaces": ["acme"] }]'

/** Never says what it was given: it is keys. */
const parseKeys = (text: string): { readonly value: ReadonlyArray<SettingsKey> } | string => {
  let list: unknown
  try {
    list = JSON.parse(text)
  } catch {
    return `is not JSON; expected ${keysForm}`
  }
  if (!Array.isArray(list)) return `expected ${keysForm}`
  const keys: Array<SettingsKey> = []
  for (const [index, one] of (list as ReadonlyArray<Record<string, unknown> | null>).entries()) {
    const { name, key, ...terms } = one ?? {}
    if (typeof name !== "string" || name === "") return `key ${index + 1}: "name" is missing; expected ${keysForm}`
    if (typeof key !== "string" || key.length < adminKeyCharactersMin) {
      return `key ${index + 1}: "key" needs at least ${adminKeyCharactersMin} characters; expected ${keysForm}`
    }
    const check = new Checker()
    check.object(terms, [], termFields(configTermNames))
    const right = checkTerms(check, terms, [], configTermNames, (id, path) => check.text(id, path))
    const [wrong] = check.issues
    // Where, and not what: a value may be a key that stands in the wrong place.
    if (wrong !== undefined) return `key ${index + 1}: "${formatPath(wrong.path)}" is not right; expected ${keysForm}`
    keys.push({ name, key, ...right })
  }
  return { value: keys }
}

const secretKeyBytes = 32

/** Keys apart by commas or white space, newest first. Never says what it was given. */
const parseSecretKeys = (text: string): { readonly value: ReadonlyArray<KeyObject> } | string => {
  const parts = text.split(/[\s,]+/).filter((part) => part !== "")
  if (parts.length > limits.secretKeys) return `holds ${parts.length} keys, at most ${limits.secretKeys} are taken`
  const keys: Array<KeyObject> = []
  for (const [index, part] of parts.entries()) {
    const bytes = /^[0-9a-f]{64}$/i.test(part)
      ? Buffer.from(part, "hex")
      : Buffer.from(/^[A-Za-z0-9+/_-]{43}=?$/.test(part) ? part : "", "base64")
    if (bytes.length !== secretKeyBytes) {
      return `key ${index + 1} is not ${secretKeyBytes} bytes in base64 or hex: make one with \`meshes secrets key\``
    }
    const key = createSecretKey(bytes)
    const same = keys.findIndex((one) => one.equals(key))
    if (same >= 0) return `key ${index + 1} is the same as key ${same + 1}: name each once, newest first`
    keys.push(key)
  }
  return { value: keys }
}
