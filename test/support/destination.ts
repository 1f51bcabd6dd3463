/**
 * A destination that notes all it is sent and answers as it is told, per request.
 */
import { createServer, type IncomingHttpHeaders } from "node:http"
import type { AddressInfo } from "node:net"

export interface Received {
  readonly path: string
  readonly method: string
  readonly headers: IncomingHttpHeaders
  readonly body: string
  readonly status: number
}

export interface Destination {
  readonly url: string
  readonly received: ReadonlyArray<Received>
  /** Resolves when `enough` says so of what was received; looked at after each request. */
  readonly until: (enough: (received: ReadonlyArray<Received>) => boolean) => Promise<void>
  readonly [Symbol.asyncDispose]: () => Promise<void>
}

/** @param answer gets the request (its status not yet decided) and how many came for its path before it */
export const startDestination = async (
  answer: (request: Omit<Received, "status">, before: number) => number = () => 200,
): Promise<Destination> => {
  const received: Array<Received> = []
  const counts = new Map<string, number>()
  const waiting = new Set<() => void>()
  const server = createServer((request, response) => {
    const chunks: Array<Buffer> = []
    request.on("data", (chunk: Buffer) => chunks.push(chunk))
    request.on("end", () => {
      const path = request.url ?? ""
      const before = counts.get(path) ?? 0
      counts.set(path, before + 1)
      const noted = {
        path,
        method: request.method ?? "",
        headers: request.headers,
        body: Buffer.concat(chunks).toString(),
      }
      const status = answer(noted, before)
      received.push({ ...noted, status })
      response.writeHead(status).end()
      for (const look of waiting) look()
    })
  })
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    received,
    until: (enough) =>
      new Promise((done) => {
        const look = () => {
          if (!enough(received)) return
          waiting.delete(look)
          done()
        }
        waiting.add(look)
        look()
      }),
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      await new Promise((closed) => server.close(closed))
    },
  }
}
