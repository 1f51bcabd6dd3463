/**
 * `npm run bench:flat`: whether the cost of an event depends on how much else the config holds. For configs of 1, 1,000 and 10,000
 * workspaces with ten connections and ten rules each: how long the config takes to load, the memory of the running runtime, how many
 * events a second it decides (each has one rule of its type, whose condition is false), and how many deliveries it makes (one an event).
 *
 * Two things differ between one workspace and many: what the config holds, and over how much the events are spread: routers, shards,
 * lanes that begin with their first delivery, connections whose secrets are resolved for the first time. Two more rows tell them apart:
 * the large config with all events in one workspace (the config's size alone), and a small config whose events go to all routers and
 * shards (the spread alone).
 *
 * Events are stored while nothing runs; then the runtime starts, and the clock runs from when a fifth is done until all is: compiling
 * the code and starting are not measured. Of several rounds the best counts, since other work on the machine only takes away.
 *
 * Where other work takes the processor in turns, the rates say little and the processor time of an event says more: it is printed too.
 *
 * `--json` prints one JSON document; `--rounds 3` (default 2); `--sizes 1,1000` leaves the other sizes and the last two rows out.
 */
import { execFile, fork } from "node:child_process"
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { connect } from "@nats-io/transport-node"
import { publishBatch } from "../../src/log/batch.ts"
import { subjects } from "../../src/log/topology.ts"
import { startNats } from "../support/nats.ts"
import { configHead, startRuntime, type TestRuntime } from "../support/runtime.ts"
import { configOf, payload, perWorkspace, unwantedType, wantedTypes, workspaceName } from "./flat-config.ts"

const events = { routed: 60_000, drained: 30_000, batch: 500 }
/** Share of the events that is done before the clock starts. */
const warmUp = 0.2
/** Seldom: the runtime's answer to it is work, too. */
const pollMs = 100
/** Enough to use every partition and every shard. */
const fewWorkspaces = 100

const file = (name: string): string => fileURLToPath(new URL(name, import.meta.url))
const run = promisify(execFile)
const say = (line: string): void => void process.stderr.write(`${line}\n`)
const option = (name: string): string | undefined =>
  process.argv.includes(name) ? process.argv[process.argv.indexOf(name) + 1] : undefined

interface Case {
  readonly workspaces: number
  /** How many of them the events go to. */
  readonly spread: number
}

interface Figures {
  readonly sinceStartMs: number
  readonly loadMs: number
  readonly readyMb: number
  readonly drainedMb: number
  readonly routedPerSecond: number
  readonly drainedPerSecond: number
  /** Microseconds of processor time that the runtime took for one event; not a number where the system does not tell. */
  readonly routedCpu: number
  readonly drainedCpu: number
}

const startReceiver = async () => {
  const child = fork(file("receiver.ts"), { stdio: ["ignore", "inherit", "inherit", "ipc"] })
  const { port } = await new Promise<{ port: number }>((done) => child.once("message", (said) => done(said as any)))
  return { origin: `http://127.0.0.1:${port}`, stop: () => child.kill() }
}

/** `MESHES_BENCH_PROFILE=folder`: CPU profiles of the runtime. */
const profiling: Record<string, string> =
  process.env["MESHES_BENCH_PROFILE"] === undefined
    ? {}
    : { NODE_OPTIONS: `--cpu-prof --cpu-prof-dir=${process.env["MESHES_BENCH_PROFILE"]}` }

const signing = `whsec_${Buffer.alloc(24, 7).toString("base64")}`

const load = async (config: string): Promise<{ readonly sinceStartMs: number; readonly loadMs: number }> => {
  const folder = await mkdtemp(join(tmpdir(), "meshes-load-"))
  try {
    const path = join(folder, "meshes.config.ts")
    await writeFile(path, `${configHead}${config}\n`)
    return JSON.parse((await run(process.execPath, [file("load.ts"), path])).stdout)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** Stores events as the product does, many with one write, each to the next of the workspaces. */
const store = async (url: string, count: number, spread: number, typeOf: (index: number) => string): Promise<void> => {
  const nc = await connect({ servers: url })
  const body = Buffer.from(JSON.stringify(payload))
  for (let from = 0; from < count; from += events.batch) {
    const messages = Array.from({ length: Math.min(events.batch, count - from) }, (_, i) => ({
      subject: subjects.event(workspaceName((from + i) % spread), typeOf(from + i)),
      body,
    }))
    const result = await publishBatch(nc, messages)
    if (result._tag !== "Stored") throw new Error(`events could not be stored: ${result.reason}`)
  }
  await nc.close()
}

const residentMb = async (pid: number): Promise<number> =>
  Number((await run("ps", ["-o", "rss=", "-p", String(pid)])).stdout) / 1024

const counters = {
  routed: /^meshes_events_routed_total (\d+)/m,
  delivered: /^meshes_delivery_attempts_total\{[^}]*outcome="delivered"[^}]*\} (\d+)/m,
} as const

const read = async (runtime: TestRuntime, counter: RegExp): Promise<number> =>
  Number(counter.exec(await (await fetch(`${runtime.http()}/metrics`)).text())?.[1] ?? 0)

/** Linux counts it in hundredths of a second, as the 14th and 15th word; the name before them may hold spaces. */
const cpuSeconds = async (pid: number): Promise<number> => {
  const words = (await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "")).split(") ").at(-1)!.split(" ")
  return (Number(words[11]) + Number(words[12])) / 100
}

/** How many a second, once a part was done, and what each took of the processor. */
const rate = async (
  runtime: TestRuntime,
  counter: RegExp,
  total: number,
): Promise<{ readonly perSecond: number; readonly cpu: number }> => {
  let from: { readonly count: number; readonly at: number; readonly cpu: number } | undefined
  for (;;) {
    const count = await read(runtime, counter)
    const at = performance.now()
    const cpu = await cpuSeconds(runtime.pid())
    if (from !== undefined && count >= total) {
      const done = count - from.count
      return { perSecond: done / ((at - from.at) / 1000), cpu: ((cpu - from.cpu) * 1e6) / done }
    }
    if (count >= total) throw new Error("it was done before the clock started: more events are needed")
    if (count >= total * warmUp) from ??= { count, at, cpu }
    await new Promise((next) => setTimeout(next, pollMs))
  }
}

const measure = async (origin: string, { workspaces, spread }: Case): Promise<Figures> => {
  const config = configOf(origin, workspaces)
  const { sinceStartMs, loadMs } = await load(config)
  const nats = await startNats()
  const during = async <A>(use: (runtime: TestRuntime) => Promise<A>): Promise<A> => {
    const env = { SIGNING: signing, MESHES_LOG_LEVEL: "warn", ...profiling }
    const runtime = await startRuntime({ natsUrl: nats.url, config, env })
    try {
      return await use(runtime)
    } finally {
      await runtime[Symbol.asyncDispose]()
    }
  }
  try {
    // Makes the streams as well.
    const readyMb = await during((runtime) => residentMb(runtime.pid()))
    await store(nats.url, events.routed, spread, () => unwantedType)
    const routed = await during((runtime) => rate(runtime, counters.routed, events.routed))
    await store(nats.url, events.drained, spread, (index) => wantedTypes[index % wantedTypes.length]!)
    const drained = await during(async (runtime) => ({
      ...(await rate(runtime, counters.delivered, events.drained)),
      mb: await residentMb(runtime.pid()),
    }))
    return {
      sinceStartMs,
      loadMs,
      readyMb,
      drainedMb: drained.mb,
      routedPerSecond: routed.perSecond,
      routedCpu: routed.cpu,
      drainedPerSecond: drained.perSecond,
      drainedCpu: drained.cpu,
    }
  } finally {
    await nats.stop()
  }
}

const best = (a: Figures | undefined, b: Figures): Figures =>
  a === undefined
    ? b
    : {
        sinceStartMs: Math.min(a.sinceStartMs, b.sinceStartMs),
        loadMs: Math.min(a.loadMs, b.loadMs),
        readyMb: Math.max(a.readyMb, b.readyMb),
        drainedMb: Math.max(a.drainedMb, b.drainedMb),
        routedPerSecond: Math.max(a.routedPerSecond, b.routedPerSecond),
        drainedPerSecond: Math.max(a.drainedPerSecond, b.drainedPerSecond),
        routedCpu: Math.min(a.routedCpu, b.routedCpu),
        drainedCpu: Math.min(a.drainedCpu, b.drainedCpu),
      }

const sizes = option("--sizes")?.split(",").map(Number)
const cases: ReadonlyArray<Case> = sizes?.map((size) => ({ workspaces: size, spread: size })) ?? [
  { workspaces: 1, spread: 1 },
  { workspaces: 1000, spread: 1000 },
  { workspaces: 10_000, spread: 10_000 },
  { workspaces: 10_000, spread: 1 },
  { workspaces: fewWorkspaces, spread: fewWorkspaces },
]

const receiver = await startReceiver()
const measured: Array<Figures> = []
for (let round = 0; round < Number(option("--rounds") ?? 2); round++) {
  for (const [index, one] of cases.entries()) {
    const figures = await measure(receiver.origin, one)
    say(`round ${round + 1}, ${one.workspaces} workspaces, events over ${one.spread}: ${JSON.stringify(figures)}`)
    measured[index] = best(measured[index], figures)
  }
}
receiver.stop()

const rows = cases.map((one, index) => {
  const figures = measured[index]!
  const share = (of: "routedPerSecond" | "drainedPerSecond") => figures[of] / measured[0]![of]
  return { ...one, ...figures, routedShare: share("routedPerSecond"), drainedShare: share("drainedPerSecond") }
})
if (process.argv.includes("--json")) process.stdout.write(`${JSON.stringify(rows, null, 2)}\n`)
else {
  const head = [
    "workspaces",
    "rules",
    "events over",
    "start to plan",
    "loadPlan",
    "memory, ready",
    "memory, drained",
    "routed",
    "of first",
    "CPU",
    "drained",
    "of first",
    "CPU",
  ]
  const lines = rows.map((row) => [
    String(row.workspaces),
    String(row.workspaces * perWorkspace),
    String(row.spread),
    `${(row.sinceStartMs / 1000).toFixed(2)} s`,
    `${(row.loadMs / 1000).toFixed(2)} s`,
    `${Math.round(row.readyMb)} MB`,
    `${Math.round(row.drainedMb)} MB`,
    `${Math.round(row.routedPerSecond)}/s`,
    row.routedShare.toFixed(2),
    `${Math.round(row.routedCpu)} µs`,
    `${Math.round(row.drainedPerSecond)}/s`,
    row.drainedShare.toFixed(2),
    `${Math.round(row.drainedCpu)} µs`,
  ])
  const width = head.map((_, i) => Math.max(...[head, ...lines].map((line) => line[i]!.length)))
  for (const line of [head, ...lines])
    process.stdout.write(`${line.map((cell, i) => cell.padStart(width[i]!)).join("  ")}\n`)
}
