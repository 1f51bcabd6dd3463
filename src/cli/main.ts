/**
 * The command line: one file a command, put together here, with one place that says how each kind of failure is told and which exit
 * status it has (CONTRACT §6).
 */
import cluster from "node:cluster"
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as CliError from "effect/cli/CliError"
import * as Command from "effect/cli/Command"
import { version } from "../model/version.ts"
import { root } from "./context.ts"
import { bad } from "./output.ts"

/** In the order in which they are listed. What a command needs is loaded with it: half of its start would be the others'. */
const files = {
  init: () => import("./init.ts").then((file) => file.init),
  validate: () => import("./validate.ts").then((file) => file.validate),
  explain: () => import("./explain.ts").then((file) => file.explain),
  test: () => import("./test.ts").then((file) => file.test),
  plan: () => import("./plan.ts").then((file) => file.plan),
  start: () => import("./start.ts").then((file) => file.start),
  dev: () => import("./dev.ts").then((file) => file.dev),
  publish: () => import("./publish.ts").then((file) => file.publish),
  tail: () => import("./tail.ts").then((file) => file.tail),
  events: () => import("./events.ts").then((file) => file.events),
  deliveries: () => import("./deliveries.ts").then((file) => file.deliveries),
  dead: () => import("./dead.ts").then((file) => file.dead),
  operations: () => import("./operations.ts").then((file) => file.operations),
  replay: () => import("./replay.ts").then((file) => file.replay),
  connections: () => import("./connections.ts").then((file) => file.connections),
  secrets: () => import("./secrets.ts").then((file) => file.secrets),
  keys: () => import("./keys.ts").then((file) => file.keys),
  usage: () => import("./usage.ts").then((file) => file.usage),
  doctor: () => import("./doctor.ts").then((file) => file.doctor),
}

const isCommand = (name: string | undefined): name is keyof typeof files =>
  name !== undefined && Object.hasOwn(files, name)

const first = process.argv[2]
const asked = isCommand(first) ? [first] : (Object.keys(files) as ReadonlyArray<keyof typeof files>)
const commands = root.pipe(
  Command.withDescription("Routes events to every destination: mapped, signed, retried, replayable."),
  Command.withSubcommands(await Promise.all(asked.map((name) => files[name]()))),
)
const program = Command.runWith(commands, { version })

/** How many interrupts a person needs who does not want to wait for the orderly end. */
const interruptsToLeave = 2

const statusOf = (exit: Exit.Exit<unknown, unknown>): number => {
  if (Exit.isSuccess(exit)) return 0
  if (Cause.hasInterruptsOnly(exit.cause)) return 0
  const error = Cause.squash(exit.cause)
  if (CliError.isCliError(error)) return 2
  const tag = (error as { readonly _tag?: unknown } | null)?._tag
  if (tag === "AnswerIsNo") return 1
  if (tag === "WrongUse" || tag === "InvalidInput" || tag === "Unusable" || tag === "LogUnavailable") {
    bad((error as Error).message)
    return tag === "WrongUse" ? 2 : 1
  }
  bad(`this is a bug in meshes: ${Cause.pretty(exit.cause)}`)
  return 1
}

const fiber = Effect.runFork(program(process.argv.slice(2)).pipe(Effect.provide(NodeServices.layer)))
let interrupts = 0
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.on(signal, () => {
    if (++interrupts >= interruptsToLeave) process.exit(130)
    void Effect.runPromise(Fiber.interrupt(fiber))
  })
}
if (cluster.isWorker) {
  // What reads a worker is its primary. A worker hears of its end otherwise, and then ends in order.
  for (const stream of [process.stdout, process.stderr]) stream.on("error", () => undefined)
} else {
  // A reader that left (`| head`) is no error.
  process.stdout.on("error", (cause: NodeJS.ErrnoException) => process.exit(cause.code === "EPIPE" ? 0 : 1))
}
const exit = await Effect.runPromise(Fiber.await(fiber))
process.exitCode = statusOf(exit)
// Everything is closed by now; what is left (a library's timer) must not hold the process.
process.stdout.write("", () => process.exit())
