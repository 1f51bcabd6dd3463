/**
 * `npm run bench`: what the main job costs, in one run on one machine, as shares of the limit (raw POSTs to the same receiver). Every
 * write is fsynced. Figures of different runs or machines say little; the ratios say more.
 *
 * `--json` prints one JSON document; `--only b,c` runs a part (`a` always runs).
 */
import { execFile, fork, type ChildProcess } from "node:child_process"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { Pool } from "undici"
import { startNats, type TestNats } from "../support/nats.ts"
import { adminKey, startRuntime, type TestRuntime } from "../support/runtime.ts"
import { publishToLog } from "./publish.ts"

const events = { raw: 20_000, drain: 40_000, fanOut: 6000, single: 10_000, bulk: 100_000 }
const fanOut = 10
const connections = 64
const bulkSize = 500
const latencySeconds = 10
/** Not measured: the code is compiled as it runs. */
const warmUpSeconds = 5

const file = (name: string): string => fileURLToPath(new URL(name, import.meta.url))
const run = promisify(execFile)
const say = (line: string): void => void process.stderr.write(`${line}\n`)

interface Counted {
  readonly count: number
  readonly first: number
  readonly last: number
  readonly ages: ReadonlyArray<number>
}

const startReceiver = async () => {
  const child: ChildProcess = fork(file("receiver.ts"), { stdio: ["ignore", "inherit", "inherit", "ipc"] })
  const next = <A>() => new Promise<A>((done) => child.once("message", (message) => done(message as A)))
  const { port } = await next<{ port: number }>()
  const ask = (what: "reset" | "count" | "ages"): Promise<Counted> => {
    child.send(what)
    return next<Counted>()
  }
  return { origin: `http://127.0.0.1:${port}`, ask, stop: () => child.kill() }
}

const payload = (sent = 0) => ({
  id: "lead_0123456789",
  email: "ada@example.com",
  plan: "pro",
  name: "Ada Lovelace",
  source: "marketing-site",
  ...(sent === 0 ? {} : { sent }),
})

/** What the mapping below makes of the payload: the body of the raw POSTs too. */
const mapped = JSON.stringify({ email: "ada@example.com", properties: { plan: "pro", name: "Ada Lovelace" } })

const configOf = (origin: string, rules: number): string => `
const names = Array.from({ length: ${rules} }, (_, i) => "d" + i)
export default defineConfig({ workspaces: { bench: {
  connections: Object.fromEntries(names.map((name) => [name, webhook({ url: "${origin}/" + name, secret: secret("SIGNING"), allowPrivateNetwork: true, concurrency: ${Math.max(8, Math.ceil(256 / rules))} })])),
  rules: Object.fromEntries(names.map((name) => [name, { on: "lead.created", when: { expression: 'payload.plan = "pro"' },
    actions: [{ connection: name, map: { email: "payload.email", "properties.plan": "payload.plan", "properties.name": "payload.name", "sent": "payload.sent" } }] }])),
} } } as any)`

/** `MESHES_BENCH_PROFILE=folder`: CPU profiles of the runtime. */
const profiling: Record<string, string> =
  process.env["MESHES_BENCH_PROFILE"] === undefined
    ? {}
    : { NODE_OPTIONS: `--cpu-prof --cpu-prof-dir=${process.env["MESHES_BENCH_PROFILE"]}` }

const signing = `whsec_${Buffer.alloc(24, 7).toString("base64")}`

const startBench = (nats: TestNats, origin: string, rules: number): Promise<TestRuntime> =>
  startRuntime({
    natsUrl: nats.url,
    config: configOf(origin, rules),
    env: { SIGNING: signing, MESHES_LOG_LEVEL: "warn", ...profiling },
  })

/** Deliveries that the runtime has committed, by its own count. */
const committed = async (runtime: TestRuntime): Promise<number> => {
  const text = await (await fetch(`${runtime.http()}/metrics`)).text()
  const line = /^meshes_delivery_attempts_total\{[^}]*outcome="delivered"[^}]*\} (\d+)/m.exec(text)
  return line === null ? 0 : Number(line[1])
}

type Receiver = Awaited<ReturnType<typeof startReceiver>>

/** Events are stored while nothing runs; then the runtime starts, and the clock from the first delivery to the last one's commit. */
const drain = async (receiver: Receiver, count: number, rules: number): Promise<number> => {
  const nats = await startNats()
  try {
    // Makes the streams.
    const first = await startBench(nats, receiver.origin, rules)
    await first[Symbol.asyncDispose]()
    await publishToLog(nats.url, "events.bench.lead.created", payload(), count)
    await receiver.ask("reset")
    const runtime = await startBench(nats, receiver.origin, rules)
    try {
      let end = 0
      while ((await committed(runtime)) < count * rules) await new Promise((next) => setTimeout(next, 20))
      end = performance.timeOrigin + performance.now()
      const counted = await receiver.ask("count")
      return (count * rules) / ((Math.max(end, counted.last) - counted.first) / 1000)
    } finally {
      await runtime[Symbol.asyncDispose]()
    }
  } finally {
    await nats.stop()
  }
}

const headers = { "content-type": "application/json", authorization: `Bearer ${adminKey}` }

const post = async (pool: Pool, path: string, body: string): Promise<void> => {
  const answer = await pool.request({ path, method: "POST", headers, body })
  await answer.body.dump()
  if (answer.statusCode !== 201) throw new Error(`${path} answered ${answer.statusCode}`)
}

const accept = async (): Promise<{ readonly single: number; readonly bulk: number }> => {
  const nats = await startNats()
  const runtime = await startBench(nats, "http://127.0.0.1:9", 1)
  const pool = new Pool(runtime.http(), { connections, pipelining: 1 })
  const event = { type: "nobody.cares", workspace: "bench", payload: payload() }
  const rate = async (requests: number, workers: number, path: string, body: string, each: number): Promise<number> => {
    let left = requests
    const one = async () => {
      while (left-- > 0) await post(pool, path, body)
    }
    const begun = performance.now()
    await Promise.all(Array.from({ length: workers }, one))
    return (requests * each) / ((performance.now() - begun) / 1000)
  }
  try {
    const single = await rate(events.single, connections, "/api/v1/events", JSON.stringify(event), 1)
    const body = JSON.stringify(Array.from({ length: bulkSize }, () => event))
    const bulk = await rate(events.bulk / bulkSize, 8, "/api/v1/events/bulk", body, bulkSize)
    return { single, bulk }
  } finally {
    await pool.close()
    await runtime[Symbol.asyncDispose]()
    await nats.stop()
  }
}

/** Posts events at an even rate for some seconds, each with the time it was sent at; resolves when all are answered. */
const publishEvenly = async (pool: Pool, perSecond: number, seconds: number): Promise<number> => {
  const total = Math.round(perSecond * seconds)
  const begun = performance.now()
  const posts: Array<Promise<void>> = []
  while (posts.length < total) {
    const due = Math.min(total, Math.floor(((performance.now() - begun) / 1000) * perSecond))
    while (posts.length < due) {
      const event = {
        type: "lead.created",
        workspace: "bench",
        payload: payload(performance.timeOrigin + performance.now()),
      }
      posts.push(post(pool, "/api/v1/events", JSON.stringify(event)))
    }
    await new Promise((next) => setTimeout(next, 1))
  }
  await Promise.all(posts)
  return total
}

/** The receiver says how old each event is when it comes. */
const latency = async (
  receiver: Receiver,
  perSecond: number,
): Promise<{ readonly p50: number; readonly p99: number }> => {
  const nats = await startNats()
  const runtime = await startBench(nats, receiver.origin, 1)
  const pool = new Pool(runtime.http(), { connections, pipelining: 1 })
  const arrived = async (total: number) => {
    while ((await receiver.ask("count")).count < total) await new Promise((next) => setTimeout(next, 20))
  }
  try {
    await receiver.ask("reset")
    await arrived(await publishEvenly(pool, perSecond, warmUpSeconds))
    await receiver.ask("reset")
    await arrived(await publishEvenly(pool, perSecond, latencySeconds))
    const ages = [...(await receiver.ask("ages")).ages].toSorted((a, b) => a - b)
    return { p50: ages[Math.floor(ages.length * 0.5)]!, p99: ages[Math.floor(ages.length * 0.99)]! }
  } finally {
    await pool.close()
    await runtime[Symbol.asyncDispose]()
    await nats.stop()
  }
}

const only = process.argv.includes("--only")
  ? process.argv[process.argv.indexOf("--only") + 1]!.split(",")
  : ["b", "c", "d", "e"]
const receiver = await startReceiver()
const results: Record<string, number> = {}
const note = (name: string, value: number) => {
  results[name] = value
  say(`${name}: ${Math.round(value)}`)
}

const rawOnce = async (): Promise<number> =>
  Number(
    (await run(process.execPath, [file("raw.ts"), receiver.origin, String(events.raw), String(connections), mapped]))
      .stdout,
  )

// Before and after, as the machine's other work comes and goes.
const rawBefore = await rawOnce()
say(`raw: ${Math.round(rawBefore)}`)
if (only.includes("b")) note("drain", await drain(receiver, events.drain, 1))
if (only.includes("c")) note("fanOut", await drain(receiver, events.fanOut, fanOut))
const rawAfter = await rawOnce()
note("raw", (rawBefore + rawAfter) / 2)
if (only.includes("d")) {
  const { single, bulk } = await accept()
  note("single", single)
  note("bulk", bulk)
}
if (only.includes("e")) {
  const rate = (results["drain"] ?? 8000) / 5
  const { p50, p99 } = await latency(receiver, rate)
  note("latencyRate", rate)
  note("p50", p50)
  note("p99", p99)
}
receiver.stop()

const raw = results["raw"]!
const share = (name: string) => (results[name] === undefined ? "" : (results[name] / raw).toFixed(2))
const per = (name: string, unit: string) =>
  results[name] === undefined ? "not run" : `${Math.round(results[name])} ${unit}`
if (process.argv.includes("--json")) {
  const ratios = { drain: (results["drain"] ?? 0) / raw, fanOut: (results["fanOut"] ?? 0) / raw }
  process.stdout.write(`${JSON.stringify({ ...results, rawBefore, rawAfter, ratios }, null, 2)}\n`)
} else {
  const rows = [
    ["what", "rate", "share of (a)"],
    ["(a) raw undici POSTs", per("raw", "/s"), "1.00"],
    ["(b) drain, fan-out 1, condition and mapping", per("drain", "deliveries/s"), share("drain")],
    [`(c) drain, fan-out ${fanOut}`, per("fanOut", "deliveries/s"), share("fanOut")],
    ["(d) accept, one event a POST", per("single", "events/s"), share("single")],
    [`(d) accept, bulk of ${bulkSize}`, per("bulk", "events/s"), ""],
    [
      `(e) publish → received at ${per("latencyRate", "/s")}`,
      results["p50"] === undefined
        ? "not run"
        : `p50 ${results["p50"].toFixed(1)} ms, p99 ${results["p99"]!.toFixed(1)} ms`,
      "",
    ],
  ]
  const width = [0, 1].map((i) => Math.max(...rows.map((row) => row[i]!.length)))
  for (const [what, rate, of] of rows)
    process.stdout.write(`${what!.padEnd(width[0]!)}  ${rate!.padEnd(width[1]!)}  ${of}\n`)
}
