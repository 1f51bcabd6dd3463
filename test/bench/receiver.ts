/**
 * The benchmark's destination, a process of its own: takes a body, answers 200, counts, and notes how old each event is.
 */
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"

let count = 0
let first = 0
let last = 0
let ages: Array<number> = []
const now = () => performance.timeOrigin + performance.now()

const server = createServer((request, response) => {
  let body = ""
  request.setEncoding("latin1")
  request.on("data", (text: string) => void (body += text))
  request.on("end", () => {
    last = now()
    if (count++ === 0) first = last
    const sent = /"sent":(\d+(?:\.\d+)?)/.exec(body)
    if (sent !== null) ages.push(last - Number(sent[1]))
    response.end()
  })
})
server.keepAliveTimeout = 60_000
server.listen(0, "127.0.0.1", () => process.send?.({ port: (server.address() as AddressInfo).port }))

process.on("message", (message) => {
  if (message === "reset") {
    count = first = last = 0
    ages = []
  }
  process.send?.({ count, first, last, ages: message === "ages" ? ages : [] })
})
process.on("disconnect", () => process.exit())
