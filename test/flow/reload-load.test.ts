/**
 * Configs that change again and again while events come in: none is lost, none is sent twice, each goes by a config that was in force.
 */
import { writeFile } from "node:fs/promises"
import { join } from "node:path"
import { expect, test } from "vitest"
import { startDestination } from "../support/destination.ts"
import { historyOnce } from "../support/history.ts"
import { startNats } from "../support/nats.ts"
import { adminKey, configHead, startRuntime } from "../support/runtime.ts"

const bulk = 100
const bulks = 200
const bulkEveryMs = 100
const changes = 50

const pause = (ms: number): Promise<void> => new Promise((next) => void setTimeout(next, ms))

/** Begins each at its time, however long those before it take. */
const paced = async (count: number, everyMs: number, begin: (i: number) => Promise<void>): Promise<void> => {
  const began = performance.now()
  const begun: Array<Promise<void>> = []
  for (let i = 0; i < count; i++) {
    await pause(Math.max(0, began + i * everyMs - performance.now()))
    begun.push(begin(i))
  }
  await Promise.all(begun)
}

test(
  "1,000 events a second while the config changes 50 times, wrong every third time: all arrive once, each by a config that was right",
  { timeout: 240_000 },
  async () => {
    await using destination = await startDestination()
    await using nats = await startNats()
    const config = (mark: string): string =>
      `export default defineConfig({ workspaces: { acme: {
  connections: { erp: webhook({ url: "${destination.url}/in", headers: { "x-mark": "${mark}" }, allowPrivateNetwork: true }) },
  rules: { all: { on: "order.*", actions: [{ connection: "erp" }] } } } } })`
    const wrong = [
      config("wrong").replace('{ connection: "erp" }', '{ connection: "epr" }'),
      `${config("wrong")} }`,
      `throw new Error("not today")\n${config("wrong")}`,
      `import "./not-there.ts"\n${config("wrong")}`,
    ]
    const settings = { natsUrl: nats.url, config: config("0"), env: { MESHES_LOG_LEVEL: "warn" } }
    await using runtime = await startRuntime(settings)
    const first = (await (await fetch(`${runtime.http()}/readyz`)).json()) as any
    /** The revisions in force, by the mark in what they send. */
    const revisions = new Map<string, string>([["0", first.config.revisions[0]]])
    const applied = () => runtime.stdout().split('"event":"reloaded"').length - 1
    const refused = () => runtime.stderr().split("the config was refused").length - 1

    const offering = paced(bulks, bulkEveryMs, async (i) => {
      const events = Array.from({ length: bulk }, (_, j) => ({
        id: `e-${i}-${j}`,
        type: "order.placed",
        workspace: "acme",
        payload: {},
      }))
      const response = await fetch(`${runtime.http()}/api/v1/events/bulk`, {
        method: "POST",
        headers: { "content-type": "application/json", authorization: `Bearer ${adminKey}` },
        body: JSON.stringify(events),
      })
      expect([response.status, ((await response.json()) as any).error_count]).toEqual([201, 0])
    })
    let last = Promise.resolve()
    const changing = paced(changes, (bulks * bulkEveryMs) / changes, (i) => {
      last = last.then(async () => {
        const isRight = (i + 1) % 3 !== 0
        const [count, before] = isRight ? [applied, applied()] : [refused, refused()]
        const text = isRight ? config(String(i + 1)) : wrong[i % wrong.length]!
        await writeFile(join(runtime.folder, "meshes.config.ts"), `${configHead}${text}\n`)
        process.kill(runtime.pid(), "SIGHUP")
        while (count() === before) await pause(10)
        if (isRight) revisions.set(String(i + 1), JSON.parse(runtime.stdout().trim().split("\n").at(-1)!).revision)
      })
      return last
    })
    await Promise.all([offering, changing])
    const right = revisions.size - 1
    expect([applied(), refused()]).toEqual([right, changes - right])
    expect(new Set(revisions.values()).size).toBe(revisions.size)

    await destination.until((all) => all.length >= bulk * bulks)
    const isAttempt = ({ kind }: any) => kind === "delivery.attempted"
    const records = await historyOnce(nats.url, (all) => all.filter(isAttempt).length >= bulk * bulks)
    // Nothing failed and nobody was killed, so at least once is once.
    expect(destination.received.length).toBe(bulk * bulks)
    const attempts = new Map(records.filter(isAttempt).map((one) => [one.delivery, one]))
    expect(attempts.size).toBe(bulk * bulks)
    const inForce = new Set(revisions.values())
    for (const { headers } of destination.received) {
      const attempt = attempts.get(headers["webhook-id"])
      expect(attempt.state).toBe("delivered")
      expect(inForce.has(attempt.revision)).toBe(true)
      expect(attempt.sent_revision ?? attempt.revision).toBe(revisions.get(String(headers["x-mark"])))
    }
    const acts = records.filter(({ kind }) => kind === "audit").map(({ what }) => what)
    expect(acts.filter((what) => what === "config.applied").length).toBe(revisions.size)
    expect(acts.filter((what) => what === "config.refused").length).toBe(changes - right)
  },
)
