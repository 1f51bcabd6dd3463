/**
 * A destination that is dead costs the others nothing that they would notice, and gets all that waited for it when it is back.
 */
import { expect, test } from "vitest"
import { orderingIsThere } from "./estate.ts"
import { runDead } from "./dead.ts"

test(
  "5,000 deliveries that wait for a dead destination all arrive when it is back, in order where asked for",
  {
    timeout: 400_000,
  },
  async () => {
    const { arrived, outOfOrder } = await runDead({
      waiting: 5000,
      measureMs: 4000,
      say: (line) => console.info(line),
    })
    expect(arrived).toBe(5000)
    if (orderingIsThere) expect(outOfOrder).toBe(0)
  },
)
