/**
 * NATS away under load: what publishers hear meanwhile, and what many outages leave behind.
 */
import { readdir } from "node:fs/promises"
import { startPublishers } from "./publishers.ts"
import { startWorld } from "./world.ts"

/** What is given up is closed by then; a connection that is forgotten the server closes after minutes of silence. */
const closedMaxMs = 30_000

/** Each of the repeated outages. */
const shortOutageMs = 300

export interface OutageOptions {
  readonly seed: number
  /** How long NATS is away the first time. */
  readonly awayMs: number
  /** How many short outages follow, by killing the server and by cutting the link in turns. */
  readonly repeated: number
  readonly say: (line: string) => void
}

export interface OutageSummary {
  /** What publishers heard while NATS was away, by status; 0: nothing. */
  readonly heard: ReadonlyMap<number, number>
  /** Open files of the runtime and its connections to NATS: before the repeated outages and after them. */
  readonly before: Held
  readonly after: Held
}

interface Held {
  readonly files: number
  readonly natsConnections: number
}

/** Throws when an accepted event is not delivered or nothing resumes. */
export const runOutage = async (options: OutageOptions): Promise<OutageSummary> => {
  const { say } = options
  await using world = await startWorld({ replicas: 1, workspaces: 2 })
  const { oracle, nats } = world
  const replica = world.replicas[0]!
  // Over HTTP alone: what it answers is the question.
  await using publishers = await startPublishers(world, {
    seed: options.seed,
    accountsPerWorkspace: 8,
    eventsPerSecond: 100,
    overNats: 0,
  })
  const resumes = async () => {
    await world.ready()
    await oracle.flows()
  }
  await resumes()

  await nats.kill("SIGKILL")
  // An answer may be on its way from before.
  await new Promise((next) => setTimeout(next, 100))
  const answersBefore = new Map(publishers.answers)
  await new Promise((over) => setTimeout(over, options.awayMs))
  const heard = new Map(
    [...publishers.answers].map(([status, count]) => [status, count - (answersBefore.get(status) ?? 0)]),
  )
  await nats.restart()
  await resumes()
  say(`away for ${options.awayMs / 1000} s: publishers heard ${listOf(heard)}; resumed by itself`)

  // At rest, so that only what is left open is counted: a client that dials once more has two connections for a moment.
  const held = async (connections: number): Promise<Held> => {
    await publishers.rest()
    await oracle.content()
    await world.hangUp()
    const begun = performance.now()
    while (replica.link.open() > connections && performance.now() - begun < closedMaxMs) {
      await new Promise((next) => setTimeout(next, 50))
    }
    const files = (await readdir(`/proc/${replica.runtime.pid()}/fd`)).length
    publishers.resume()
    return { files, natsConnections: replica.link.open() }
  }
  const outage = async (by: "the server" | "the link") => {
    if (by === "the server") await nats.kill("SIGKILL")
    else replica.link.cut()
    await new Promise((over) => setTimeout(over, shortOutageMs))
    if (by === "the server") await nats.restart()
    else replica.link.restore()
    await resumes()
  }
  // Once of each before anything is counted: what is opened only then is kept.
  await outage("the server")
  await outage("the link")
  const before = await held(1)
  for (let i = 1; i <= options.repeated; i++) {
    await outage(i % 2 === 0 ? "the server" : "the link")
    say(`outage ${i}: resumed by itself, ${replica.link.open()} connections to NATS`)
  }
  const after = await held(before.natsConnections)
  say(`open files ${before.files} before ${options.repeated} outages, ${after.files} after`)
  await publishers.stop()
  await oracle.content()
  await oracle.check()
  return { heard, before, after }
}

const listOf = (counts: ReadonlyMap<number, number>): string =>
  [...counts].map(([status, count]) => `${status} ×${count}`).join(", ")
