/**
 * The dashboard's files, as the build left them: read once, kept in memory, compressed where the browser takes it. The page needs nothing
 * from elsewhere and has nothing inline, and its policy says so.
 */
import { readdirSync, readFileSync } from "node:fs"
import { extname, join, relative, sep } from "node:path"
import { fileURLToPath } from "node:url"
import type { HttpServerRequest } from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import { pageHeaders, renderPage } from "./page.ts"

type Response = HttpServerResponse.HttpServerResponse

interface File {
  readonly type: string
  readonly plain: Uint8Array
  readonly brotli?: Uint8Array
}

export interface Site {
  /** `undefined`: the request is for nothing of the site's. */
  readonly answer: (request: HttpServerRequest) => Response | undefined
  /** The page for a frame in pages of these origins; of none, if there are none. */
  readonly embedded: (request: HttpServerRequest, origins: ReadonlyArray<string>) => Response
}

const types: { readonly [extension: string]: string } = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
}

const inSources = import.meta.url.endsWith(".ts")
const builtInto = fileURLToPath(new URL(inSources ? "../../dist/dashboard" : "../../dashboard", import.meta.url))

const policyFor = (ancestors: string): string =>
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
  `base-uri 'none'; form-action 'self'; frame-ancestors ${ancestors}`

const always = {
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  vary: "Accept, Accept-Encoding",
}

/** Names of assets follow from what is in them. */
const assetHeaders = { ...always, "cache-control": "public, max-age=31536000, immutable" }

const pageHeadersFor = (origins: ReadonlyArray<string>) => ({
  ...always,
  "cache-control": "no-cache",
  "content-security-policy": policyFor(origins.length === 0 ? "'none'" : origins.join(" ")),
  ...(origins.length === 0 ? { "x-frame-options": "DENY" } : {}),
})

/** Paths of pages. Those of one workspace are also names that clients know calls of the API by. */
const pagePath = /^\/(?:(?:sign-in|keys|audit|workspaces)\/?)?$|^\/workspaces\/.*$/
const calledToo = /^\/workspaces\//

export const makeSite = (folder: string = builtInto): Site => {
  const files = readFiles(folder)
  const index = files.get("/index.html")
  const page = (request: HttpServerRequest, origins: ReadonlyArray<string>): Response =>
    index === undefined ? notBuilt() : answerWith(request, index, pageHeadersFor(origins))
  return {
    answer: (request) => {
      if (request.method !== "GET" && request.method !== "HEAD") return undefined
      const path = request.url.split("?", 1)[0]!
      const asset = path === "/index.html" ? undefined : files.get(path)
      if (asset !== undefined) return answerWith(request, asset, assetHeaders)
      if (!pagePath.test(path) || (calledToo.test(path) && !wantsPage(request))) return undefined
      return page(request, [])
    },
    embedded: page,
  }
}

const wantsPage = ({ headers }: HttpServerRequest): boolean => headers["accept"]?.includes("text/html") === true

const answerWith = (
  request: HttpServerRequest,
  { type, plain, brotli }: File,
  headers: { readonly [name: string]: string },
): Response => {
  const compressed = brotli !== undefined && /\bbr\b/.test(request.headers["accept-encoding"] ?? "")
  return HttpServerResponse.uint8Array(compressed ? brotli : plain, {
    contentType: type,
    headers: compressed ? { ...headers, "content-encoding": "br" } : headers,
  })
}

/** By the path that they are asked for by. */
const readFiles = (folder: string): ReadonlyMap<string, File> => {
  const names = namesIn(folder)
  const read = (name: string) => readFileSync(join(folder, name))
  return new Map(
    names
      .filter((name) => types[extname(name)] !== undefined)
      .map((name) => [
        `/${name.split(sep).join("/")}`,
        {
          type: types[extname(name)]!,
          plain: read(name),
          ...(names.includes(`${name}.br`) ? { brotli: read(`${name}.br`) } : {}),
        },
      ]),
  )
}

const namesIn = (folder: string): ReadonlyArray<string> => {
  try {
    return readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT") return []
    throw cause
  }
}

/** In a clone only: the package has it. */
const notBuilt = (): Response =>
  HttpServerResponse.text(
    renderPage({
      title: "The dashboard is not built",
      paragraphs: [
        "Run `npm run build:dashboard` in the clone and start the runtime again. The API is there: see /docs.",
      ],
    }),
    { status: 503, headers: pageHeaders },
  )
