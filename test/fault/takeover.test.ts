/**
 * A replica that is killed is missed by nobody for long: the others take its work over.
 */
import { test } from "vitest"
import { seedOf } from "../support/random.ts"
import { killReplica } from "./faults.ts"
import { startPublishers } from "./publishers.ts"
import { startWorld } from "./world.ts"

test(
  "of three replicas one is killed under load: the others take over, and nothing is lost",
  { timeout: 400_000 },
  async () => {
    await using world = await startWorld({ replicas: 3, workspaces: 3 })
    const { oracle } = world
    await using publishers = await startPublishers(world, {
      seed: seedOf("takeover"),
      accountsPerWorkspace: 6,
      eventsPerSecond: 150,
    })
    await oracle.flows()
    const killed = performance.now()
    await killReplica(world.replicas[1]!)
    await oracle.flows()
    console.info(
      `every connection was served again ${((performance.now() - killed) / 1000).toFixed(1)} s after the kill`,
    )
    await publishers.stop()
    await oracle.content()
    await oracle.check()
    const { events, deliveries, repeats } = oracle.tally()
    console.info(`${events} events, ${deliveries} deliveries, ${repeats} repeats`)
  },
)
