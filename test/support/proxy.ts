/**
 * A TCP link that can be made to fail: a proxy on a free port before a real server. It forwards, and when told so it cuts (resets what
 * is open and what is opened next), stalls (accepts, and passes nothing on) or is slow, until it is restored.
 *
 * What a link has taken in before it fails is still on its way: after a stall the bytes arrive late, even when their sender gave up.
 */
import { connect, createServer, type AddressInfo, type Socket } from "node:net"

/** Bytes that one direction of a connection holds before it stops reading, as the buffers of a network would. */
const heldBytesMax = 256 * 1024

export interface Slowness {
  readonly latencyMs: number
  readonly bytesPerSecond: number
}

export interface Proxy {
  readonly host: string
  readonly port: number
  /** Connections from clients that are open now. */
  readonly open: () => number
  /** Connections from clients that were ever opened. */
  readonly opened: () => number
  readonly cut: () => void
  readonly stall: () => void
  readonly slow: (how: Slowness) => void
  /** Forwards again, what was held first. */
  readonly restore: () => void
  readonly [Symbol.asyncDispose]: () => Promise<void>
}

type State = "forward" | "cut" | "stall" | Slowness

export const startProxy = async (target: { readonly host?: string; readonly port: number }): Promise<Proxy> => {
  const host = "127.0.0.1"
  const links = new Map<Socket, Link>()
  let state: State = "forward"
  let opened = 0

  const server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
    opened++
    if (state === "cut") return void client.on("error", () => {}).resetAndDestroy()
    const upstream = connect({
      host: target.host ?? host,
      port: target.port,
      allowHalfOpen: true,
      noDelay: true,
    })
    const link = [passOn(client, upstream, () => state), passOn(upstream, client, () => state)] as const
    links.set(client, link)
    client.once("close", () => links.delete(client))
  })
  await new Promise<void>((listening) => server.listen(0, host, listening))

  const change = (to: State) => {
    state = to
    for (const [client, link] of links) {
      if (to === "cut") client.resetAndDestroy()
      else for (const look of link) look()
    }
  }
  return {
    host,
    port: (server.address() as AddressInfo).port,
    open: () => links.size,
    opened: () => opened,
    cut: () => change("cut"),
    stall: () => change("stall"),
    slow: change,
    restore: () => change("forward"),
    [Symbol.asyncDispose]: async () => {
      change("cut")
      await new Promise((closed) => server.close(closed))
    },
  }
}

/** Both directions; each is called when the state changed. */
type Link = readonly [() => void, () => void]

/** One direction of a connection: what is read waits until its time has come, in order, the end included. */
const passOn = (from: Socket, to: Socket, state: () => State): (() => void) => {
  const held: Array<{ readonly bytes: Buffer | "end"; readonly at: number }> = []
  let heldBytes = 0
  let free = 0
  let timer: NodeJS.Timeout | undefined

  const look = () => {
    clearTimeout(timer)
    if (state() === "stall" || to.destroyed) return
    while (held.length > 0 && !to.writableNeedDrain) {
      const { bytes, at } = held[0]!
      const wait = typeof state() === "object" ? at - performance.now() : 0
      if (wait > 0) {
        timer = setTimeout(look, Math.ceil(wait))
        return
      }
      held.shift()
      if (bytes === "end") to.end()
      else {
        heldBytes -= bytes.length
        to.write(bytes)
      }
    }
    if (heldBytes < heldBytesMax && from.isPaused()) from.resume()
  }
  const hold = (bytes: Buffer | "end") => {
    const now = performance.now()
    const how = state()
    const length = bytes === "end" ? 0 : bytes.length
    if (typeof how === "object") {
      free = Math.max(now + how.latencyMs, free + (length / how.bytesPerSecond) * 1000)
    } else free = now
    held.push({ bytes, at: free })
    heldBytes += length
    if (heldBytes >= heldBytesMax) from.pause()
    look()
  }
  from.on("data", hold)
  from.once("end", () => hold("end"))
  from.on("error", () => to.resetAndDestroy())
  from.once("close", () => {
    // An end that came in order is passed on in its turn.
    if (!from.readableEnded) to.destroy()
  })
  to.on("drain", look)
  return look
}
