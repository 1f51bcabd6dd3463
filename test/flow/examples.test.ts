/**
 * The examples, each loaded and asked what it would send.
 */
import { readdir } from "node:fs/promises"
import { join } from "node:path"
import { expect, test } from "vitest"
import { repository, runMeshes } from "../support/runtime.ts"

const env = { ...process.env, NODE_OPTIONS: "-C meshes-source" }

const explain = async (name: string, workspace: string): Promise<any> => {
  const config = join(repository, "examples", name, "meshes.config.ts")
  const payload = '{"id":"a/1","email":"ada@example.com","plan":"pro"}'
  const args = ["explain", "lead.created", "-w", workspace, "-d", payload, "--config", config, "--json"]
  const { stdout, stderr } = await runMeshes(args, { cwd: repository, env })
  expect(stderr).toBe("")
  return JSON.parse(stdout).rules.flatMap(({ actions }: any) => actions)
}

test("a first event is printed", async () => {
  expect((await explain("01-first-event", "demo"))[0].request).toContain("ada@example.com")
})

test("a customer's webhook gets the lead as mapped, and the audit all of it, both signed", async () => {
  const [leads, audit] = await explain("02-signed-webhook", "globex")
  expect(leads.request).toMatchObject({
    url: "https://globex.example/hooks/leads",
    body: { contact: { email: "ada@example.com" }, reference: "a/1" },
  })
  expect(audit.request.body).toMatchObject({ type: "lead.created", workspace: "globex" })
  for (const { request } of [leads, audit]) expect(request.headers["webhook-signature"]).toMatch(/^v1,/)
})

test("a call is made as the mapping says", async () => {
  const [call] = await explain("03-any-http-api", "demo")
  expect(call.request).toMatchObject({
    method: "PUT",
    url: "https://crm.example/v1/contacts/a%2F1",
    body: { email: "ada@example.com", labels: ["lead", "pro"] },
  })
})

test("a connector of one's own is as good as one that comes along", async () => {
  const [page] = await explain("04-own-connector", "demo")
  expect(page).toMatchObject({
    connector: "pager",
    request: { method: "POST", body: { text: "Lead ada@example.com", urgent: true } },
  })
})

test("the tests beside a config pass, and its events are what its publisher's types say", async () => {
  const config = join(repository, "examples/05-typed-and-tested/meshes.config.ts")
  const { status, stderr } = await runMeshes(["test", "--config", config], { cwd: repository, env })
  expect(stderr).toContain("3 tests passed")
  expect(status).toBe(0)
  const [crm] = await explain("05-typed-and-tested", "demo")
  expect(crm.request.body).toEqual({ contact: "ada@example.com" })
})

test("every example is run here", async () => {
  const folders = (await readdir(join(repository, "examples"))).filter((name) => !name.endsWith(".md"))
  expect(folders).toEqual([
    "01-first-event",
    "02-signed-webhook",
    "03-any-http-api",
    "04-own-connector",
    "05-typed-and-tested",
  ])
})
