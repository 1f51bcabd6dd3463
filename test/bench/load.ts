/**
 * Loads a config in a process of its own, as every command does, and says what it took.
 *
 * Argument: the config file. Prints JSON: milliseconds from the start of the process to the plan, those of `loadPlan` alone, and MB of
 * resident memory then.
 */
import * as Effect from "effect/Effect"
import { loadPlan } from "../../src/config/load.ts"
import { compiler } from "../../src/transform/compiler.ts"

const [file = ""] = process.argv.slice(2)
const begun = performance.now()
const plan = await Effect.runPromise(loadPlan(file, compiler))
const ended = performance.now()
process.stdout.write(
  JSON.stringify({
    sinceStartMs: ended,
    loadMs: ended - begun,
    cpuMs: process.cpuUsage().user / 1000,
    residentMb: process.memoryUsage.rss() / 1024 ** 2,
    revision: plan.revision,
  }),
)
