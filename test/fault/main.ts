/**
 * `npm run test:faults`: the fault scenarios for as long as one likes.
 *
 * `--seed N --minutes M` faults drawn from the seed (default: one of the clock, 5 minutes); `--replicas N`, `--rate N` events a second.
 */
import { parseArgs } from "node:util"
import { runFaults, summaryLine } from "./run.ts"

const { values } = parseArgs({
  options: {
    seed: { type: "string" },
    minutes: { type: "string", default: "5" },
    replicas: { type: "string", default: "2" },
    rate: { type: "string", default: "100" },
  },
})
const say = (line: string): void => void process.stderr.write(`${line}\n`)

/** Faults last 1 to 12 seconds: shorter and longer than the log's patience with who holds a delivery. */
const longestMs = 12_000

const seeded = async (): Promise<string> => {
  const seed = Number(values.seed ?? Date.now() % 1_000_000)
  const minutes = Number(values.minutes)
  const command = `npm run test:faults -- --seed ${seed} --minutes ${minutes} --replicas ${values.replicas} --rate ${values.rate}`
  say(`seed ${seed}: ${command}`)
  try {
    const summary = await runFaults({
      seed,
      enough: (_, elapsedMs) => elapsedMs > minutes * 60_000,
      longestMs,
      replicas: Number(values.replicas),
      eventsPerSecond: Number(values.rate),
      say,
    })
    return summaryLine(summary)
  } catch (error) {
    say(`failed with seed ${seed}; repeat with: ${command}`)
    throw error
  }
}

try {
  process.stdout.write(`${await seeded()}\n`)
  process.exit(0)
} catch (error) {
  say(error instanceof Error ? (error.stack ?? error.message) : String(error))
  process.exit(1)
}
