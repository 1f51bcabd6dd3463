/**
 * Publishers that do not give up: each account publishes its events one after the other, over HTTP to any live replica or straight to
 * NATS, and sends an event again with the same id until it hears that it is stored.
 */
import { jetstream } from "@nats-io/jetstream"
import { headers } from "@nats-io/nats-core"
import { connect } from "@nats-io/transport-node"
import { Agent, fetch } from "undici"
import { makeRandom } from "../support/random.ts"
import { adminKey } from "../support/runtime.ts"
import { eventTypes, type TestEvent } from "./estate.ts"
import type { World } from "./world.ts"

/** After this a replica is taken for gone and another is asked. Repeats stay well within the 2 minutes that ids are remembered. */
const answerMaxMs = 4000
const againAfterMs = 50

export interface PublisherOptions {
  readonly seed: number
  readonly accountsPerWorkspace: number
  /** Of all accounts together, about. */
  readonly eventsPerSecond: number
  /** The share of events that goes straight to NATS. Default: 0.2. */
  readonly overNats?: number
}

export interface Publishers {
  /** How often each answer was heard: 201, 200, 503, …; 0: none came. */
  readonly answers: ReadonlyMap<number, number>
  /** No new events until `resume`; resolves when the last ones are stored and no connection is open. */
  readonly rest: () => Promise<void>
  readonly resume: () => void
  /** No new events; resolves when the last ones are stored. */
  readonly stop: () => Promise<void>
  /** Gives up what is not stored yet. */
  readonly [Symbol.asyncDispose]: () => Promise<void>
}

export const startPublishers = async (world: World, options: PublisherOptions): Promise<Publishers> => {
  const { oracle } = world
  const nc = await connect({ servers: world.nats.url, maxReconnectAttempts: -1, reconnectTimeWait: 200 })
  const js = jetstream(nc, { timeout: answerMaxMs })
  const answers = new Map<number, number>()
  const heard = (status: number) => answers.set(status, (answers.get(status) ?? 0) + 1)
  let agent = new Agent()
  let resting = false
  let publishing = 0
  let stopped = false
  let abandoned = false

  const overHttp = async (event: TestEvent, random: () => number): Promise<boolean> => {
    const live = world.replicas.filter(({ alive }) => alive)
    const replica = live[Math.floor(random() * live.length)]
    if (replica === undefined) return false
    try {
      const answer = await fetch(`${replica.http}/api/v1/events`, {
        method: "POST",
        headers: { "content-type": "application/json", authorization: `Bearer ${adminKey}` },
        body: JSON.stringify(envelopeOf(event)),
        signal: AbortSignal.timeout(answerMaxMs),
        dispatcher: agent,
      })
      heard(answer.status)
      const text = await answer.text()
      if (answer.status === 200 || answer.status === 201) return true
      if (answer.status !== 503) throw new Refused(`event ${event.id} was answered ${answer.status}: ${text}`)
      return false
    } catch (error) {
      if (error instanceof Refused) throw error
      // Nobody knows whether it is stored; its id makes the repeat harmless.
      heard(0)
      return false
    }
  }
  const overNats = async (event: TestEvent): Promise<boolean> => {
    const given = headers()
    given.set("Nats-Msg-Id", `${event.workspace}/${event.id}`)
    given.set("Meshes-Envelope", "1")
    try {
      await js.publish(`events.${event.workspace}.${event.type}`, JSON.stringify(envelopeOf(event)), { headers: given })
      return true
    } catch {
      return false
    }
  }
  const publish = async (event: TestEvent, random: () => number) => {
    const straight = random() < (options.overNats ?? 0.2)
    oracle.published(event)
    publishing++
    while (!(await (straight ? overNats(event) : overHttp(event, random)))) {
      if (abandoned) return
      await pause(againAfterMs)
    }
    publishing--
    oracle.accepted(event)
  }

  const accounts = [...new Set(world.routes.map(({ workspace }) => workspace))].flatMap((workspace) =>
    Array.from({ length: options.accountsPerWorkspace }, (_, i) => ({ workspace, account: `a${i}` })),
  )
  const meanGapMs = (1000 * accounts.length) / options.eventsPerSecond
  const run = async ({ workspace, account }: { workspace: string; account: string }, index: number) => {
    const random = makeRandom(options.seed * 1000 + index)
    for (let n = 0; !stopped; n++) {
      await pause(random() * 2 * meanGapMs)
      while (resting && !stopped) await pause(againAfterMs)
      const type = eventTypes[Math.floor(random() * eventTypes.length)]!
      await publish({ id: `${workspace}-${account}-${n}`, workspace, type, account, n }, random)
    }
  }
  const running = Promise.all(accounts.map(run))
  running.catch(() => {}) // told by `stop`
  return {
    answers,
    rest: async () => {
      resting = true
      while (publishing > 0) await pause(againAfterMs)
      await agent.close()
      agent = new Agent()
    },
    resume: () => void (resting = false),
    stop: async () => {
      stopped = true
      await running
    },
    [Symbol.asyncDispose]: async () => {
      stopped = true
      abandoned = true
      await agent.destroy()
      await nc.close()
    },
  }
}

/** An answer that no repeat will change. */
class Refused extends Error {}

const envelopeOf = ({ id, workspace, type, account, n }: TestEvent) => ({
  id,
  workspace,
  type,
  payload: { account, n },
})

const pause = (ms: number) => new Promise((next) => setTimeout(next, ms))
