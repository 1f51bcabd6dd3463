/**
 * The scenario: replicas under load, one fault after another, healing between, and at the end an oracle that must be content.
 */
import { orderingIsThere } from "./estate.ts"
import { drawFaults } from "./faults.ts"
import type { Tally } from "./oracle.ts"
import { startPublishers } from "./publishers.ts"
import { startWorld } from "./world.ts"

export interface RunOptions {
  readonly seed: number
  /** Faults are drawn until so many struck, and for so long. */
  readonly enough: (faults: number, elapsedMs: number) => boolean
  /** Of one fault. */
  readonly longestMs: number
  readonly replicas?: number
  readonly workspaces?: number
  readonly eventsPerSecond?: number
  readonly ordering?: boolean
  /** Kinds of faults that are left out. */
  readonly without?: ReadonlyArray<string>
  readonly say: (line: string) => void
}

export interface Summary extends Tally {
  /** How many of each kind struck. */
  readonly faults: { readonly [kind: string]: number }
  /** What publishers heard, by status; 0: nothing. */
  readonly answers: { readonly [status: string]: number }
}

export const runFaults = async (options: RunOptions): Promise<Summary> => {
  const begun = performance.now()
  const elapsed = () => performance.now() - begun
  const say = (line: string) => options.say(`${(elapsed() / 1000).toFixed(1).padStart(7)} s  ${line}`)
  await using world = await startWorld({
    replicas: options.replicas ?? 2,
    workspaces: options.workspaces ?? 3,
    ordering: options.ordering ?? orderingIsThere,
  })
  const { oracle } = world
  await using publishers = await startPublishers(world, {
    seed: options.seed,
    accountsPerWorkspace: 6,
    eventsPerSecond: options.eventsPerSecond ?? 100,
  })
  const faults: Record<string, number> = {}
  try {
    await oracle.flows()
    let struck = 0
    for (const fault of drawFaults(world, options)) {
      if (options.enough(struck++, elapsed())) break
      faults[fault.kind] = (faults[fault.kind] ?? 0) + 1
      say(`${fault.kind} for ${fault.ms} ms ${fault.what}`)
      await fault.strike()
      await new Promise((over) => setTimeout(over, fault.ms))
      await fault.heal()
      const healed = performance.now()
      await world.ready()
      await oracle.flows()
      say(`  all flows, ${((performance.now() - healed) / 1000).toFixed(1)} s after it was over`)
    }
    await publishers.stop()
    await oracle.content()
    for (const { runtime, name } of world.replicas) {
      const status = await runtime.kill("SIGTERM")
      if (status !== 0) throw new Error(`replica ${name} ended with ${status}:\n${runtime.stderr().slice(-4000)}`)
    }
    await oracle.check()
  } catch (error) {
    for (const { name, runtime } of world.replicas) options.say(`${name} said last:\n${runtime.stderr().slice(-2000)}`)
    throw error
  }
  return { ...oracle.tally(), faults, answers: Object.fromEntries(publishers.answers) }
}

export const summaryLine = ({ events, deliveries, failed, repeats, faults, answers }: Summary): string =>
  `${events} events, ${deliveries} deliveries, ${repeats} repeats, ${failed} failed attempts; ` +
  `publishers heard ${listOf(answers)}; faults: ${listOf(faults)}`

const listOf = (counts: { readonly [name: string]: number }): string =>
  Object.entries(counts)
    .map(([name, count]) => `${name} ×${count}`)
    .join(", ")
