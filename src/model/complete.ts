/**
 * Makes a whole request of what an action says: base URL, query, credentials, content type. Pure, so that what is shown is what is sent.
 */
import type { Auth, OAuthSetting, SettingOr, Token } from "./auth.ts"
import type { ApiRequest, ConnectorDefinition, HttpRequest, RequestTemplate } from "./connector.ts"

type Settings = { readonly [setting: string]: unknown }

/** Builds a path of which every `${…}` is one escaped step: `path\`/lists/${id}/members\``. An empty step is an error: it would name another thing. */
export const path = (strings: TemplateStringsArray, ...values: ReadonlyArray<string | number>): string =>
  strings.reduce((built, text, i) => `${built}${escapeStep(values[i - 1]!)}${text}`)

const escapeStep = (value: string | number): string => {
  const text = String(value)
  // A dot segment would be resolved away, and a path with a step less is the address of something else.
  if (text === "" || text === "." || text === "..") throw new UnfitInput(`"${text}" cannot stand in the request's path`)
  return encodeURIComponent(text)
}

/** An input that fits its schema, and of which no request can be made: the delivery is dead until somebody mends the rule. */
export class UnfitInput extends Error {}

/** The way to prove who is asking for which the settings are there; `undefined`: none is complete. */
export const authOf = (connector: ConnectorDefinition, settings: unknown): Auth | undefined =>
  connector.auth === undefined ? none : waysGiven(connector, settings)[0]

const none: Auth = { kind: "none" }

/** The ways for which the settings are there. Of several grants of OAuth it is the one that `auth` names, else the first. */
export const waysGiven = (connector: ConnectorDefinition, settings: unknown): ReadonlyArray<Auth> => {
  const given = (connector.auth ?? []).filter((auth) => isGiven(auth, settings as Settings))
  const grants = given.filter((auth) => auth.kind === "oauth2")
  const named = (settings as { readonly auth?: Partial<OAuthSetting> }).auth?.grant
  const grant = named === undefined ? grants[0] : grants.find((one) => one.grant === named)
  return given.filter((auth) => auth.kind !== "oauth2" || auth === grant)
}

const isGiven = (auth: Auth, settings: Settings): boolean =>
  auth.kind === "none" || settingsOf(auth).every((name) => settings[name] !== undefined)

/** The settings that a way needs. */
export const settingsOf = (auth: Auth): ReadonlyArray<string> => {
  switch (auth.kind) {
    case "none":
      return []
    case "bearer":
    case "apiKey":
      return [auth.setting]
    case "basic":
      return [auth.username, auth.password].filter((one) => typeof one === "string")
    case "oauth2":
      return ["auth"]
    case "custom":
      return auth.settings
  }
}

export interface Completing {
  readonly connector: ConnectorDefinition
  /** With secrets in place. */
  readonly settings: unknown
  readonly token?: Token | undefined
  /** The connection's own, instead of the connector's. */
  readonly baseUrl?: string | undefined
}

/** A whole request is left as it is. */
export const completeRequest = (said: HttpRequest | ApiRequest, about: Completing): HttpRequest => {
  if ("url" in said) return said
  const { connector, settings, token } = about
  const url = new URL(`${baseOf(said, about)}${said.path}`)
  for (const [name, value] of Object.entries(said.query ?? {})) {
    if (value === undefined) continue
    for (const one of Array.isArray(value) ? value : [value]) url.searchParams.append(name, String(one))
  }
  const headers: { [name: string]: string } = { accept: "application/json", ...connector.headers }
  let { body } = said
  if (said.json !== undefined) {
    headers["content-type"] = "application/json"
    body = JSON.stringify(said.json)
  } else if (said.form !== undefined) {
    headers["content-type"] = "application/x-www-form-urlencoded"
    body = new URLSearchParams(said.form).toString()
  }
  Object.assign(headers, said.headers)
  if (said.auth !== false) authorize(authOf(connector, settings), settings as Settings, token, headers, url)
  return { method: said.method, url: url.href, headers, ...(body === undefined ? {} : { body }) }
}

const baseOf = (said: ApiRequest, { connector, settings, token, baseUrl }: Completing): string => {
  const usual = typeof connector.baseUrl === "function" ? connector.baseUrl(settings, token) : connector.baseUrl
  const base = baseUrl ?? said.base ?? usual
  if (base === undefined) throw new Error(`the connector ${connector.name} has no base URL`)
  return base.replace(/\/+$/, "")
}

const authorize = (
  auth: Auth | undefined,
  settings: Settings,
  token: Token | undefined,
  headers: { [name: string]: string },
  url: URL,
): void => {
  const text = (one: SettingOr): string => (typeof one === "string" ? String(settings[one]) : one.always)
  switch (auth?.kind) {
    case "bearer":
      headers["authorization"] = `Bearer ${text(auth.setting)}`
      return
    case "basic":
      headers["authorization"] =
        `Basic ${Buffer.from(`${text(auth.username)}:${text(auth.password)}`).toString("base64")}`
      return
    case "apiKey": {
      const value = `${auth.prefix ?? ""}${text(auth.setting)}`
      if (auth.in === "query") url.searchParams.set(auth.name, value)
      else headers[auth.name.toLowerCase()] = value
      return
    }
    case "oauth2":
      if (token !== undefined) headers["authorization"] = `Bearer ${token.accessToken}`
  }
}

/** The request that a template makes of an input. */
export const expand = (template: RequestTemplate, input: unknown): ApiRequest => {
  const rest = { ...(input as Record<string, unknown>) }
  const built = template.path.replace(/\{([^}]+)\}/g, (_, name: string) => {
    const value = rest[name]
    delete rest[name]
    return escapeStep(typeof value === "number" ? value : typeof value === "string" ? value : "")
  })
  const query: Record<string, ApiRequest["query"] extends infer Q ? NonNullable<Q>[keyof NonNullable<Q>] : never> = {}
  for (const name of template.query ?? []) {
    query[name] = rest[name] as string | undefined
    delete rest[name]
  }
  const takesBody = template.method !== "GET" && template.method !== "DELETE"
  return {
    method: template.method,
    path: built,
    query,
    ...(template.headers === undefined ? {} : { headers: template.headers }),
    ...(takesBody ? { json: template.wrap === undefined ? rest : { [template.wrap]: rest } } : {}),
  }
}
