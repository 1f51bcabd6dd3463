/**
 * A public address that leads to this machine, below all that judges addresses: what is let through to it arrives at a receiver here.
 * To be undone with `vi.restoreAllMocks()`.
 */
import net from "node:net"
import { vi } from "vitest"

export const publicAddress = "93.184.216.34"

/** Gives the addresses that sockets were given by their lookup, as they come. */
export const leadPublicAddressHere = (): ReadonlyArray<string> => {
  const connected: Array<string> = []
  const connect = net.connect.bind(net) as (options: net.TcpNetConnectOpts) => net.Socket
  vi.spyOn(net, "connect").mockImplementation(((options: net.TcpNetConnectOpts) => {
    const { lookup } = options
    if (lookup === undefined) return connect(options)
    const leading: net.LookupFunction = (host, how, callback) =>
      lookup(host, how, (error, address, family) => {
        if (!Array.isArray(address)) return callback(error, address, family)
        connected.push(...address.map((one) => one.address))
        callback(
          error,
          address.map((one) => (one.address === publicAddress ? { address: "127.0.0.1", family: 4 } : one)),
        )
      })
    return connect({ ...options, lookup: leading })
  }) as typeof net.connect)
  return connected
}
