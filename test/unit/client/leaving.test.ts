/** Events that were emitted just before the end: of a process, of a page. */
import { spawn } from "node:child_process"
import { join } from "node:path"
import { afterEach, expect, test, vi } from "vitest"
import { createClient, type MeshesError } from "../../../client/index.ts"
import { never, startReceiver } from "../../support/receiver.ts"
import { repository } from "../../support/runtime.ts"
import { bulksOf, refusing, taking } from "./bulk.ts"

const programOf = (url: string, text: string): string => `
  import { createClient } from ${JSON.stringify(join(repository, "client/index.ts"))}
  const client = createClient({ url: ${JSON.stringify(url)}, key: "k", retry: { minMs: 20 }, batch: { waitMs: 3_600_000 } })
  ${text}`

const run = (program: string): Promise<number | null> =>
  new Promise((done) => {
    const child = spawn(process.execPath, ["--input-type=module", "-e", program], { stdio: "inherit" })
    child.once("exit", done)
  })

test("a process that ends with events waiting sends them first, retries included", async () => {
  await using receiver = await startReceiver([refusing(503, "busy"), taking()])
  expect(await run(programOf(receiver.url, `for (let n = 0; n < 250; n++) client.emit("a", { n })`))).toBe(0)
  const sent = bulksOf(receiver).flat()
  expect(new Set(sent.map(({ id }) => id)).size).toBe(250)
})

test("a client that has nothing to send holds no process", async () => {
  await using receiver = await startReceiver(taking())
  expect(
    await run(programOf(receiver.url, `await client.publish("a", {}); client.emit("b", {}); await client.flush()`)),
  ).toBe(0)
  expect(bulksOf(receiver).map((bulk) => bulk.map(({ type }) => type))).toEqual([["a"], ["b"]])
})

afterEach(() => {
  vi.unstubAllGlobals()
  vi.useRealTimers()
})

/** What a page has of `window` and `document`. */
const openPage = () => {
  const window = new EventTarget()
  const document = Object.assign(new EventTarget(), { visibilityState: "visible" })
  vi.stubGlobal("document", document)
  vi.stubGlobal("addEventListener", window.addEventListener.bind(window))
  vi.stubGlobal("removeEventListener", window.removeEventListener.bind(window))
  return {
    hide: () => {
      document.visibilityState = "hidden"
      document.dispatchEvent(new Event("visibilitychange"))
    },
    leave: () => void window.dispatchEvent(new Event("pagehide")),
  }
}

const pageClient = (url: string) => {
  const kept: Array<boolean> = []
  const errors: Array<MeshesError> = []
  const client = createClient({
    url,
    publishableKey: "p",
    batch: { waitMs: 3_600_000 },
    onError: (error) => void errors.push(error),
    fetch: (input, init) => {
      kept.push(init?.keepalive === true)
      return fetch(input, init)
    },
  })
  return { client, kept, errors }
}

test.each(["hide", "leave"] as const)(
  "a page sends what waits when it is put away (%s), by requests that outlive it",
  async (way) => {
    await using receiver = await startReceiver(taking())
    const page = openPage()
    const { client, kept } = pageClient(receiver.url)
    client.emit("a", {})
    client.emit("b", {})
    page[way]()
    await receiver.until(({ requests }) => requests.length === 1)
    expect(bulksOf(receiver)[0]!.map(({ type }) => type)).toEqual(["a", "b"])
    expect(kept).toEqual([true])
    await client.close()
  },
)

test("what does not fit into such requests is sent when the page comes back, and nothing is lost", async () => {
  await using receiver = await startReceiver(taking())
  const page = openPage()
  const { client, kept } = pageClient(receiver.url)
  for (const id of ["1", "2", "3"]) client.emit("a", { text: "x".repeat(25_000) }, { id })
  page.leave()
  await receiver.until(({ requests }) => requests.length === 1)
  await client.close()
  expect(kept[0]).toBe(true)
  expect(bulksOf(receiver)[0]!.map(({ id }) => id)).toEqual(["1", "2"])
  expect(
    bulksOf(receiver)
      .flat()
      .map(({ id }) => id),
  ).toContain("3")
})

test("what was sent by a page that comes back much later is not sent again, as the runtime would not know the repeat", async () => {
  await using receiver = await startReceiver([never, taking()])
  const page = openPage()
  const { client, errors } = pageClient(receiver.url)
  client.emit("a", {}, { id: "before" })
  page.leave()
  await receiver.until(({ requests }) => requests.length === 1)
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 600_000 })
  client.emit("a", {}, { id: "after" })
  await client.close()
  expect(
    bulksOf(receiver)
      .slice(1)
      .flat()
      .map(({ id }) => id),
  ).toEqual(["after"])
  expect(errors).toMatchObject([{ kind: "unavailable", events: [{ id: "before" }] }])
})

test("a closed client no longer listens", async () => {
  await using receiver = await startReceiver(taking())
  const before = process.listenerCount("beforeExit")
  const page = openPage()
  const { client } = pageClient(receiver.url)
  client.emit("a", {})
  await client.close()
  expect(process.listenerCount("beforeExit")).toBe(before)
  page.leave()
  expect(receiver.requests).toHaveLength(1)
})
