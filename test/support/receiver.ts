/**
 * A receiver over real HTTP that notes every request with its raw body, and answers as scripted: well, or in one of the ways in which
 * receivers go wrong. It counts its connections and the bytes it could write, so that what a sender leaves open or reads can be seen.
 */
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from "node:http"
import type { AddressInfo, Socket } from "node:net"

export interface Request {
  readonly method: string
  /** With the query. */
  readonly path: string
  readonly headers: IncomingHttpHeaders
  /** Name, value, name, value, as they were sent. */
  readonly rawHeaders: ReadonlyArray<string>
  readonly body: Buffer
  /** 1 for the first connection that was opened. */
  readonly connection: number
}

export interface Exchange {
  readonly request: Request
  readonly response: ServerResponse
  readonly socket: Socket
}

/** What is done with a request. */
export type Behaviour = (exchange: Exchange) => void

export interface Receiver {
  /** `http://127.0.0.1:<port>` */
  readonly url: string
  readonly port: number
  readonly requests: ReadonlyArray<Request>
  /** Connections that are open now. */
  readonly open: () => number
  /** Connections that were ever opened. */
  readonly opened: () => number
  /** Bytes that the connections took, what waits to be sent excluded. */
  readonly written: () => number
  /** Resolves when `enough` says so; looked at after each request, connection and end of a connection. */
  readonly until: (enough: (receiver: Receiver) => boolean) => Promise<void>
  readonly [Symbol.asyncDispose]: () => Promise<void>
}

export interface ReceiverOptions {
  /** Closes every connection as soon as it is opened. */
  readonly closesAtOnce?: boolean
  /** Where it listens. */
  readonly host?: string
}

/**
 * @param script one behaviour for all requests; or a list, the last one for all that come after; or a function of the request and how
 *   many came before it
 */
export const startReceiver = async (
  script: Behaviour | ReadonlyArray<Behaviour> | { readonly choose: (request: Request, before: number) => Behaviour },
  options: ReceiverOptions = {},
): Promise<Receiver> => {
  const requests: Array<Request> = []
  const sockets = new Map<Socket, number>()
  const waiting = new Set<() => void>()
  let opened = 0
  let writtenBefore = 0
  const look = () => {
    for (const one of [...waiting]) one()
  }
  const behaviourOf = (request: Request, before: number): Behaviour =>
    typeof script === "function"
      ? script
      : "choose" in script
        ? script.choose(request, before)
        : script[Math.min(before, script.length - 1)]!

  const server = createServer({ keepAliveTimeout: 0 }, (incoming: IncomingMessage, response) => {
    const chunks: Array<Buffer> = []
    incoming.on("data", (chunk: Buffer) => chunks.push(chunk))
    incoming.on("end", () => {
      const { socket } = incoming
      const request: Request = {
        method: incoming.method ?? "",
        path: incoming.url ?? "",
        headers: incoming.headers,
        rawHeaders: incoming.rawHeaders,
        body: Buffer.concat(chunks),
        connection: sockets.get(socket) ?? 0,
      }
      requests.push(request)
      behaviourOf(request, requests.length - 1)({ request, response, socket })
      look()
    })
  })
  server.on("connection", (socket: Socket) => {
    opened++
    sockets.set(socket, opened)
    socket.on("error", () => {}) // how a connection ends is the sender's affair
    socket.on("close", () => {
      writtenBefore += socket.bytesWritten - socket.writableLength
      sockets.delete(socket)
      look()
    })
    if (options.closesAtOnce === true) socket.destroy()
    look()
  })
  const host = options.host ?? "127.0.0.1"
  await new Promise<void>((listening) => server.listen(0, host, listening))
  const { port } = server.address() as AddressInfo

  const receiver: Receiver = {
    url: `http://${host}:${port}`,
    port,
    requests,
    open: () => sockets.size,
    opened: () => opened,
    written: () => [...sockets.keys()].reduce((sum, one) => sum + one.bytesWritten - one.writableLength, writtenBefore),
    until: (enough) =>
      new Promise((done) => {
        const check = () => {
          if (!enough(receiver)) return
          waiting.delete(check)
          done()
        }
        waiting.add(check)
        check()
      }),
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets.keys()) socket.destroy()
      await new Promise((closed) => server.close(closed))
    },
  }
  return receiver
}

/** An answer as it should be. */
export const answer =
  (status = 200, headers: { readonly [name: string]: string } = {}, body: string | Uint8Array = ""): Behaviour =>
  ({ response }) =>
    void response.writeHead(status, headers).end(body)

/** Reads the request and says nothing, for ever. */
export const never: Behaviour = () => {}

/** Says nothing and hangs up. */
export const hangUp: Behaviour = ({ socket }) => void socket.destroy()

/** Resets the connection, as a host does that was restarted. */
export const reset: Behaviour = ({ socket }) => void socket.resetAndDestroy()

/** Writes these bytes in place of an answer, and leaves the connection open. */
export const raw =
  (bytes: string): Behaviour =>
  ({ socket }) =>
    void socket.write(bytes, "latin1")

/** Begins an answer of `promised` bytes and hangs up after `sent` of them. */
export const cutShort =
  (promised: number, sent: number, status = 200): Behaviour =>
  ({ response, socket }) => {
    response.writeHead(status, { "content-length": String(promised) })
    response.write(Buffer.alloc(sent, "x"), () => socket.destroy())
  }

/** An answer with a body of so many bytes, written no faster than it is read. */
export const bodyOf =
  (bytes: number, status = 200): Behaviour =>
  ({ response }) => {
    const chunk = Buffer.alloc(64 * 1024, "x")
    let left = bytes
    const write = () => {
      while (left > 0) {
        const part = left < chunk.length ? chunk.subarray(0, left) : chunk
        left -= part.length
        if (!response.write(part)) return void response.once("drain", write)
      }
      response.end()
    }
    response.writeHead(status, { "content-type": "text/plain" })
    write()
  }

/** Writes `head`, then `drop` again and again for as long as the connection stands. */
export const drip =
  (head: string, drop: string, everyMs = 2): Behaviour =>
  ({ socket }) => {
    socket.write(head)
    const timer = setInterval(() => socket.write(drop), everyMs)
    socket.once("close", () => clearInterval(timer))
  }

export const redirect = (location: string, status = 307): Behaviour => answer(status, { location })
