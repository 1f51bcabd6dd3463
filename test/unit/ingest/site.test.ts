/** How the dashboard's files are served: compressed, kept or not, and what their policy lets a page do. */
import { mkdirSync, writeFileSync } from "node:fs"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { HttpServerRequest } from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import { afterAll, beforeAll, expect, test } from "vitest"
import { makeSite, type Site } from "../../../src/ingest/site.ts"

let folder: string
let site: Site
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "meshes-site-"))
  mkdirSync(join(folder, "assets"))
  writeFileSync(join(folder, "index.html"), "<!doctype html>page")
  writeFileSync(join(folder, "assets/main-abc.js"), "plain script")
  writeFileSync(join(folder, "assets/main-abc.js.br"), "compressed script")
  writeFileSync(join(folder, "assets/notes.txt"), "of no known type")
  site = makeSite(folder)
})
afterAll(() => rm(folder, { recursive: true, force: true }))

const asking = (url: string, headers: { readonly [name: string]: string } = {}, method = "GET") =>
  ({ url, method, headers }) as unknown as HttpServerRequest
const get = async (...request: Parameters<typeof asking>) => {
  const answer = site.answer(asking(...request))
  if (answer === undefined) return undefined
  const web = HttpServerResponse.toWeb(answer)
  return { status: web.status, headers: web.headers, text: await web.text() }
}
const browser = { accept: "text/html,*/*;q=0.8" }

test("every page is the same file, asked for anew each time", async () => {
  for (const path of [
    "/",
    "/sign-in",
    "/keys",
    "/audit",
    "/workspaces",
    "/workspaces?tag=eu",
    "/workspaces/acme/events",
  ]) {
    const page = await get(path, browser)
    expect([path, page?.status, page?.text]).toEqual([path, 200, "<!doctype html>page"])
    expect(page!.headers.get("cache-control")).toBe("no-cache")
    expect(page!.headers.get("content-type")).toBe("text/html; charset=utf-8")
  }
})

test("paths that clients call the API by are pages to browsers alone", async () => {
  expect(await get("/workspaces/acme/events?status=failed", { accept: "application/json" })).toBeUndefined()
  expect(await get("/workspaces/acme/events?status=failed", { accept: "*/*" })).toBeUndefined()
  expect((await get("/workspaces/acme/events?status=failed", browser))?.headers.get("vary")).toContain("Accept")
})

test("what is no page and no file is left to the API", async () => {
  for (const path of [
    "/api/v1/workspaces",
    "/docs",
    "/nowhere",
    "/index.html",
    "/assets/none.js",
    "/assets/notes.txt",
  ]) {
    expect([path, await get(path, browser)]).toEqual([path, undefined])
  }
  for (const path of ["/assets/../index.html", "/../package.json", "/assets/%2e%2e/index.html", "//"]) {
    expect([path, await get(path, browser)]).toEqual([path, undefined])
  }
  expect(await get("/", browser, "POST")).toBeUndefined()
})

test("assets are kept for ever, and compressed for who takes it", async () => {
  const plain = await get("/assets/main-abc.js", { "accept-encoding": "gzip" })
  expect([plain?.text, plain?.headers.get("content-encoding")]).toEqual(["plain script", null])
  const compressed = await get("/assets/main-abc.js", { "accept-encoding": "gzip, br" })
  expect([compressed?.text, compressed?.headers.get("content-encoding")]).toEqual(["compressed script", "br"])
  expect(compressed!.headers.get("cache-control")).toContain("immutable")
  expect(compressed!.headers.get("content-type")).toBe("text/javascript; charset=utf-8")
})

test("a page runs nothing but its own files, sends nothing elsewhere, and is framed by nobody", async () => {
  const page = await get("/", browser)
  const policy = page!.headers.get("content-security-policy")!
  expect(policy).toContain("default-src 'none'")
  expect(policy).not.toMatch(/unsafe|https?:|\*/)
  expect(policy).toContain("frame-ancestors 'none'")
  expect(page!.headers.get("x-frame-options")).toBe("DENY")
})

test("an embedded page is framed by the origins that it was made for, and by nobody if there are none", () => {
  const policyFor = (origins: ReadonlyArray<string>) =>
    HttpServerResponse.toWeb(site.embedded(asking("/embed?launch=x"), origins)).headers
  const framed = policyFor(["https://app.acme.example", "https://acme.example:8443"])
  expect(framed.get("content-security-policy")).toContain(
    "frame-ancestors https://app.acme.example https://acme.example:8443",
  )
  expect(framed.get("x-frame-options")).toBeNull()
  expect(policyFor([]).get("content-security-policy")).toContain("frame-ancestors 'none'")
})

test("a clone in which nothing was built says what to do", async () => {
  const answer = makeSite(join(folder, "none")).answer(asking("/", browser))
  const web = HttpServerResponse.toWeb(answer!)
  expect([web.status, await web.text()]).toEqual([503, expect.stringContaining("npm run build:dashboard")])
})
