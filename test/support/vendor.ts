/**
 * A vendor with OAuth: a real authorization server (`oidc-provider`: PKCE required, refresh tokens that rotate and end the grant when
 * one is used twice, revocation), and an API that takes its tokens. Whoever comes to its page says yes.
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"

export const clientId = "meshes-test"
export const clientSecret = "the/secret+of:the app%20"

export interface Call {
  readonly status: number
  readonly token: string
  readonly body: string
}

export interface Vendor {
  readonly url: string
  /** Grant types of the token address's answers, in order: `refresh_token`, or `refresh_token failed`. */
  readonly grants: ReadonlyArray<string>
  /** Calls of the API at `/api`. */
  readonly calls: ReadonlyArray<Call>
  /** How long tokens live from now on, in seconds. */
  readonly live: (seconds: number) => void
  /** Holds what comes to the token address until it is let go. Gives how many wait there, and how to let them go. */
  readonly hold: () => { readonly waiting: () => number; readonly release: () => void }
  /** Ends the grant that an access token is of, as its person could at the vendor. */
  readonly revoke: (accessToken: string) => Promise<void>
  /** Takes an access token no longer; the grant goes on. */
  readonly forget: (accessToken: string) => Promise<void>
  /** Every code and token that was ever given. */
  readonly given: () => ReadonlyArray<string>
  readonly until: (enough: () => boolean) => Promise<void>
  readonly [Symbol.asyncDispose]: () => Promise<void>
}

export interface VendorOptions {
  readonly redirectUris: ReadonlyArray<string>
  readonly clientAuth?: "client_secret_post" | "client_secret_basic"
}

export const startVendor = async ({ redirectUris, clientAuth }: VendorOptions): Promise<Vendor> => {
  // It has no types of its own.
  const { Provider } = (await import("oidc-provider" as string)) as { readonly Provider: any }
  const grants: Array<string> = []
  const calls: Array<Call> = []
  const given = new Set<string>()
  const waiting = new Set<() => void>()
  const gates: Array<Promise<void>> = []
  let held = 0
  let seconds = 3600
  let provider: any
  const look = () => {
    for (const one of [...waiting]) one()
  }

  const handle = async (request: IncomingMessage, response: ServerResponse) => {
    const path = request.url!.split("?")[0]!
    if (path === "/api") return answerApi(request, response)
    if (path.startsWith("/interaction/")) return sayYes(request, response)
    if (path === "/token" && gates.length > 0) {
      held++
      look()
      await Promise.race([gates[0], new Promise((gone) => request.socket.once("close", gone))])
      held--
      look()
      // Whoever asked is gone: nothing has come of it.
      if (request.socket.destroyed) return
    }
    return provider.callback()(request, response)
  }

  const answerApi = async (request: IncomingMessage, response: ServerResponse) => {
    const chunks: Array<Buffer> = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const token = /^Bearer (.+)$/.exec(request.headers.authorization ?? "")?.[1] ?? ""
    const known =
      token === ""
        ? undefined
        : ((await provider.AccessToken.find(token)) ?? (await provider.ClientCredentials.find(token)))
    const status = known?.isValid === true ? 200 : 401
    calls.push({ status, token, body: Buffer.concat(chunks).toString() })
    response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify({ ok: status === 200 }))
    look()
  }

  const sayYes = async (request: IncomingMessage, response: ServerResponse) => {
    const { prompt, params, session } = await provider.interactionDetails(request, response)
    if (prompt.name === "login") {
      return provider.interactionFinished(request, response, { login: { accountId: "ada" } })
    }
    const grant = new provider.Grant({ accountId: session.accountId, clientId: params.client_id })
    grant.addOIDCScope(params.scope)
    return provider.interactionFinished(request, response, { consent: { grantId: await grant.save() } })
  }

  const server = createServer((request, response) => {
    handle(request, response).catch((cause: unknown) => response.writeHead(500).end(String(cause)))
  })
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  provider = new Provider(url, {
    clients: [
      {
        client_id: clientId,
        client_secret: clientSecret,
        grant_types: ["authorization_code", "refresh_token", "client_credentials"],
        redirect_uris: redirectUris,
        token_endpoint_auth_method: clientAuth ?? "client_secret_post",
      },
    ],
    scopes: ["openid", "offline_access", "things.write"],
    pkce: { required: () => true },
    rotateRefreshToken: true,
    issueRefreshToken: () => true,
    features: {
      devInteractions: { enabled: false },
      revocation: { enabled: true },
      clientCredentials: { enabled: true },
    },
    ttl: {
      AccessToken: () => seconds,
      ClientCredentials: () => seconds,
      RefreshToken: 86_400,
      AuthorizationCode: 60,
      Grant: 86_400,
      Session: 86_400,
      Interaction: 600,
      IdToken: 3600,
    },
    interactions: { url: (_: unknown, interaction: { uid: string }) => `/interaction/${interaction.uid}` },
    findAccount: (_: unknown, id: string) => ({ accountId: id, claims: async () => ({ sub: id }) }),
    cookies: { keys: ["only for tests"] },
  })
  provider.on("grant.success", (ctx: any) => {
    grants.push(String(ctx.oidc.params.grant_type))
    for (const field of ["access_token", "refresh_token"]) if (ctx.body?.[field]) given.add(ctx.body[field])
    look()
  })
  provider.on("grant.error", (ctx: any) => {
    grants.push(`${ctx.oidc?.params?.grant_type} failed`)
    look()
  })
  provider.on("authorization_code.saved", ({ jti }: { readonly jti: string }) => void given.add(jti))

  return {
    url,
    grants,
    calls,
    live: (next) => void (seconds = next),
    hold: () => {
      let release = () => {}
      gates.push(new Promise((resolve) => (release = resolve)))
      return {
        waiting: () => held,
        release: () => {
          gates.length = 0
          release()
        },
      }
    },
    revoke: async (accessToken) => {
      const { grantId } = await provider.AccessToken.find(accessToken)
      for (const model of ["AccessToken", "RefreshToken", "AuthorizationCode"]) {
        await provider[model].revokeByGrantId(grantId)
      }
      await (await provider.Grant.find(grantId)).destroy()
    },
    forget: async (accessToken) => (await provider.AccessToken.find(accessToken)).destroy(),
    given: () => [...given],
    until: (enough) =>
      new Promise((done) => {
        const check = () => {
          if (!enough()) return
          waiting.delete(check)
          done()
        }
        waiting.add(check)
        check()
      }),
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      await new Promise((closed) => server.close(closed))
    },
  }
}

/** A person's browser: keeps cookies by origin, and follows redirects. */
export interface Browser {
  /** Goes there and on, until an answer is no redirect, or would lead to where `stop` says. */
  readonly go: (
    url: string,
    options?: {
      readonly stop?: string
      readonly method?: string
      readonly body?: string
      readonly headers?: { readonly [name: string]: string }
    },
  ) => Promise<{ readonly url: string; readonly status: number; readonly text: string; readonly headers: Headers }>
}

export const openBrowser = (): Browser => {
  const jars = new Map<string, Map<string, string>>()
  const ask = async (url: string, init: RequestInit) => {
    const { origin } = new URL(url)
    const jar = jars.get(origin) ?? new Map<string, string>()
    jars.set(origin, jar)
    const headers = new Headers(init.headers)
    if (jar.size > 0) headers.set("cookie", [...jar].map(([name, value]) => `${name}=${value}`).join("; "))
    const response = await fetch(url, { ...init, headers, redirect: "manual" })
    for (const cookie of response.headers.getSetCookie()) {
      const [pair] = cookie.split(";")
      const at = pair!.indexOf("=")
      if (/max-age=0|expires=Thu, 01 Jan 1970/i.test(cookie)) jar.delete(pair!.slice(0, at))
      else jar.set(pair!.slice(0, at), pair!.slice(at + 1))
    }
    return response
  }
  return {
    go: async (first, { stop, method = "GET", body, headers } = {}) => {
      let url = first
      let response = await ask(url, {
        method,
        ...(body === undefined ? {} : { body }),
        ...(headers ? { headers } : {}),
      })
      for (let hops = 0; response.status >= 300 && response.status < 400 && hops < 20; hops++) {
        url = new URL(response.headers.get("location")!, url).href
        if (stop !== undefined && url.startsWith(stop)) {
          return { url, status: response.status, text: "", headers: response.headers }
        }
        response = await ask(url, { method: "GET", headers: { accept: "text/html" } })
      }
      return { url, status: response.status, text: await response.text(), headers: response.headers }
    },
  }
}
