/**
 * NATS may go away and come back as it likes: publishers are told, nothing that was accepted is lost, and nothing is left open.
 */
import { expect, test } from "vitest"
import { seedOf } from "../support/random.ts"
import { inWhole } from "../support/scale.ts"
import { runOutage } from "./outage.ts"

/** A file that happens to be open; what leaks with each outage would exceed this. */
const filesSlack = 2

test(
  "while NATS is away publishers hear 503 and never 201; all resumes by itself, and outages leave nothing open",
  { timeout: 400_000 },
  async () => {
    const { heard, before, after } = await runOutage({
      seed: seedOf("outage"),
      awayMs: inWhole(8000, 3000),
      repeated: inWhole(5, 3),
      say: (line) => console.info(line),
    })
    expect(heard.get(201) ?? 0).toBe(0)
    expect(heard.get(200) ?? 0).toBe(0)
    expect(heard.get(503)).toBeGreaterThan(0)
    expect(after.natsConnections).toBe(before.natsConnections)
    expect(after.files).toBeLessThanOrEqual(before.files + filesSlack)
  },
)
