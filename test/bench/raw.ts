/**
 * The limit: POSTs of one body with an undici pool and nothing else, in a process of its own as the runtime is.
 *
 * Arguments: origin, number of requests, connections, body.
 */
import { Pool } from "undici"

const [origin = "", total = "0", connections = "1", body = ""] = process.argv.slice(2)
const pool = new Pool(origin, { connections: Number(connections), pipelining: 1 })
const headers = { "content-type": "application/json" }
let left = Number(total)
const one = async (): Promise<void> => {
  while (left-- > 0) {
    const answer = await pool.request({ path: "/raw", method: "POST", headers, body })
    await answer.body.dump()
  }
}
const begun = performance.now()
await Promise.all(Array.from({ length: Number(connections) }, one))
process.stdout.write(`${Number(total) / ((performance.now() - begun) / 1000)}\n`)
await pool.close()
