/**
 * What can go wrong, drawn from a seed: processes that are killed or stopped, links that are cut, slow or stalled, destinations that
 * flap, clocks that jump.
 */
import { makeRandom } from "../support/random.ts"
import type { Proxy } from "../support/proxy.ts"
import type { Replica, World } from "./world.ts"

export interface Fault {
  readonly kind: string
  /** Whom it befalls and how, for people. */
  readonly what: string
  /** How long it lasts. */
  readonly ms: number
  readonly strike: () => Promise<void> | void
  readonly heal: () => Promise<void> | void
}

type Random = () => number
type Kind = (world: World, random: Random) => Omit<Fault, "kind" | "ms">

const pick = <A>(from: ReadonlyArray<A>, random: Random): A => from[Math.floor(random() * from.length)]!
const between = (least: number, most: number, random: Random): number => Math.round(least + random() * (most - least))

const kinds: { readonly [kind: string]: Kind } = {
  "replica killed": ({ replicas }, random) => {
    const replica = pick(replicas, random)
    return { what: replica.name, strike: () => killReplica(replica), heal: () => reviveReplica(replica) }
  },
  "replica stopped": ({ replicas }, random) => {
    const replica = pick(replicas, random)
    return {
      what: replica.name,
      strike: () => void process.kill(replica.runtime.pid(), "SIGSTOP"),
      heal: () => void process.kill(replica.runtime.pid(), "SIGCONT"),
    }
  },
  "nats-server killed": ({ nats }) => ({ what: "", strike: () => nats.kill("SIGKILL"), heal: nats.restart }),
  // What is timed by the wall clock shows only when something has to wait: a destination flaps meanwhile.
  "clock jumps": ({ replicas, links, flapping }, random) => {
    const replica = pick(replicas, random)
    const seconds = random() < 0.5 ? -3600 : 3600
    const connection = pick([...links.keys()], random)
    return {
      what: `${replica.name} by ${seconds} s, while ${connection} flaps`,
      strike: async () => {
        await replica.clock.set(seconds)
        flapping.add(connection)
      },
      heal: async () => {
        flapping.delete(connection)
        await replica.clock.set(0)
      },
    }
  },
  "destination flaps": ({ links, flapping }, random) => {
    const connection = pick([...links.keys()], random)
    return {
      what: connection,
      strike: () => void flapping.add(connection),
      heal: () => void flapping.delete(connection),
    }
  },
  "NATS link cut": natsLink("cut"),
  "NATS link stalled": natsLink("stall"),
  "NATS link slow": natsLink("slow"),
  "destination link cut": destinationLink("cut"),
  "destination link stalled": destinationLink("stall"),
  "destination link slow": destinationLink("slow"),
}

function natsLink(how: "cut" | "stall" | "slow"): Kind {
  return ({ replicas }, random) => {
    const { name, link } = pick(replicas, random)
    return onLink(name, link, how, random)
  }
}

function destinationLink(how: "cut" | "stall" | "slow"): Kind {
  return ({ links }, random) => {
    const [name, link] = pick([...links], random)
    return onLink(name, link, how, random)
  }
}

const onLink = (name: string, link: Proxy, how: "cut" | "stall" | "slow", random: Random) => {
  const slowness = { latencyMs: between(20, 500, random), bytesPerSecond: between(20_000, 500_000, random) }
  return {
    what: how === "slow" ? `${name} ${slowness.latencyMs} ms, ${slowness.bytesPerSecond} bytes/s` : name,
    strike: () => (how === "slow" ? link.slow(slowness) : link[how]()),
    heal: () => link.restore(),
  }
}

/** It does not accept, and publishers know that it does not. */
export const killReplica = async (replica: Replica, signal: NodeJS.Signals = "SIGKILL"): Promise<void> => {
  replica.alive = false
  await replica.runtime.kill(signal)
}

export const reviveReplica = async (replica: Replica): Promise<void> => {
  await replica.runtime.start()
  replica.alive = true
}

/** Faults without end; of each kind one before any kind comes again. The same seed draws the same. */
export function* drawFaults(
  world: World,
  options: { readonly seed: number; readonly longestMs: number; readonly without?: ReadonlyArray<string> },
): Generator<Fault, never> {
  const { seed, longestMs, without = [] } = options
  const random = makeRandom(seed)
  for (;;) {
    const deck = Object.entries(kinds).filter(([kind]) => !without.includes(kind))
    while (deck.length > 0) {
      const [[kind, make]] = deck.splice(Math.floor(random() * deck.length), 1) as [[string, Kind]]
      yield { kind, ms: between(1000, longestMs, random), ...make(world, random) }
    }
  }
}
