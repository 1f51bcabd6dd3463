/**
 * `npm run test:faults`: the fault scenarios, for as long as one likes. Exits with 1 when a promise was broken.
 *
 * - `--seed N --minutes M`: faults drawn from the seed (default: one of the clock, 5 minutes); `--replicas N`, `--rate N` events a second,
 *   `--without "clock jumps,destination flaps"` leaves out kinds of faults
 * - `--outage`: NATS away for a minute, then 50 times for a moment
 * - `--dead N`: N deliveries waiting for a dead destination beside a healthy one
 */
import { parseArgs } from "node:util"
import { orderingIsThere } from "./estate.ts"
import { runDead } from "./dead.ts"
import { runOutage } from "./outage.ts"
import { runFaults, summaryLine } from "./run.ts"

/** Faults last 1 to 12 seconds: shorter and longer than the log's patience with who holds a delivery. */
const longestMs = 12_000
const longOutage = { awayMs: 60_000, repeated: 50 }
const measureMs = 10_000

const { values } = parseArgs({
  options: {
    seed: { type: "string" },
    minutes: { type: "string", default: "5" },
    replicas: { type: "string", default: "2" },
    rate: { type: "string", default: "100" },
    without: { type: "string", default: "" },
    outage: { type: "boolean", default: false },
    dead: { type: "string" },
  },
})
const seed = Number(values.seed ?? Date.now() % 1_000_000)
const { without } = values
const say = (line: string): void => void process.stderr.write(`${line}\n`)

const seeded = async (): Promise<string> =>
  summaryLine(
    await runFaults({
      seed,
      enough: (_, elapsedMs) => elapsedMs > Number(values.minutes) * 60_000,
      longestMs,
      replicas: Number(values.replicas),
      eventsPerSecond: Number(values.rate),
      without: without.split(","),
      say,
    }),
  )

const outage = async (): Promise<string> => {
  const { heard, before, after } = await runOutage({ seed, ...longOutage, say })
  if ((heard.get(201) ?? 0) + (heard.get(200) ?? 0) > 0) throw new Error("something was accepted while NATS was away")
  if (after.files > before.files + longOutage.repeated / 2 || after.natsConnections > before.natsConnections) {
    throw new Error(`outages leave something open: ${JSON.stringify({ before, after })}`)
  }
  return `after ${longOutage.repeated} outages: ${JSON.stringify({ before, after })}`
}

const dead = async (waiting: number): Promise<string> => {
  const summary = await runDead({ waiting, measureMs, say })
  if (orderingIsThere && summary.outOfOrder > 0) throw new Error(`${summary.outOfOrder} arrived out of order`)
  return JSON.stringify(summary)
}

const [what, run] = values.outage
  ? (["--outage", outage] as const)
  : values.dead !== undefined
    ? ([`--dead ${values.dead}`, () => dead(Number(values.dead))] as const)
    : ([
        `--minutes ${values.minutes} --replicas ${values.replicas} --rate ${values.rate}` +
          (without === "" ? "" : ` --without "${without}"`),
        seeded,
      ] as const)
const command = `npm run test:faults -- --seed ${seed} ${what}`
say(command)
try {
  process.stdout.write(`${await run()}\n`)
  process.exit(0)
} catch (error) {
  say(error instanceof Error ? (error.stack ?? error.message) : String(error))
  say(`failed; repeat with: ${command}`)
  process.exit(1)
}
