/**
 * A rolling restart is no fault: what is in flight ends or is handed back, and no destination is sent anything twice.
 */
import { expect, test } from "vitest"
import { seedOf } from "../support/random.ts"
import { killReplica, reviveReplica } from "./faults.ts"
import { startPublishers } from "./publishers.ts"
import { startWorld } from "./world.ts"

/** Long enough that attempts are under way whenever a replica is told to end, short enough for a connection that sends one at a time. */
const answerAfterMs = 30
const eventsPerSecond = 40

test(
  "two replicas are told to end and started again, one after the other, under load: no delivery is repeated",
  { timeout: 400_000 },
  async () => {
    await using world = await startWorld({ replicas: 2, workspaces: 2, answerAfterMs })
    const { oracle } = world
    await using publishers = await startPublishers(world, {
      seed: seedOf("rolling restart"),
      accountsPerWorkspace: 8,
      eventsPerSecond,
    })
    await oracle.flows()
    for (const replica of world.replicas) {
      await killReplica(replica, "SIGTERM")
      await oracle.flows()
      await reviveReplica(replica)
      await world.ready()
      await oracle.flows()
    }
    await publishers.stop()
    await oracle.content()
    await oracle.check()
    const { events, deliveries, repeats } = oracle.tally()
    console.info(`${events} events, ${deliveries} deliveries, ${repeats} repeats`)
    expect(repeats).toBe(0)
  },
)
