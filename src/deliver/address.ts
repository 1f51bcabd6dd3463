/**
 * Which addresses a delivery may connect to. Unless its connection allows private networks, only addresses of the public internet: a
 * tenant's webhook URL must not reach what only we can reach. What is checked is the address that the socket is opened to, after
 * the name was looked up, so a name that changes its answer gains nothing.
 *
 * The ranges are IANA's special-purpose registries for IPv4 and IPv6 (RFC 6890 and its updates), and multicast.
 */
import { lookup as dnsLookup, type LookupAddress } from "node:dns"
import { BlockList, isIP, type LookupFunction } from "node:net"

const special = new BlockList()

for (const [network, prefix] of [
  ["0.0.0.0", 8],
  ["10.0.0.0", 8],
  ["100.64.0.0", 10],
  ["127.0.0.0", 8],
  ["168.63.129.16", 32], // of no registry: where Azure answers its own machines
  ["169.254.0.0", 16],
  ["172.16.0.0", 12],
  ["192.0.0.0", 24],
  ["192.0.2.0", 24],
  ["192.88.99.0", 24],
  ["192.168.0.0", 16],
  ["198.18.0.0", 15],
  ["198.51.100.0", 24],
  ["203.0.113.0", 24],
  ["224.0.0.0", 4],
  ["240.0.0.0", 4],
] as const) {
  special.addSubnet(network, prefix, "ipv4")
}

// Of IPv6, only this part is given out to the public internet. What is outside may still lead somewhere near: an overlay network at
// 200::/7, a translator of IPv4 at ::ffff:0:0:0/96.
const globalUnicast = new BlockList()
globalUnicast.addSubnet("2000::", 3, "ipv6")

const mappedIpv4 = new BlockList()
mappedIpv4.addSubnet("::ffff:0:0", 96, "ipv6")

for (const [network, prefix] of [
  ["2001::", 23], // protocol assignments, Teredo among them
  ["2001:db8::", 32],
  ["2002::", 16], // 6to4: an IPv4 address inside
  ["3fff::", 20],
] as const) {
  special.addSubnet(network, prefix, "ipv6")
}

/** `true` for an address of the public internet. An IPv4 address written as IPv6 (`::ffff:10.0.0.1`) is judged as IPv4. */
export const isPublicAddress = (address: string): boolean => {
  const plain = address.replace(/^\[|\]$/g, "").replace(/%.*$/, "")
  const family = isIP(plain)
  if (family === 0) return false
  if (family === 4) return !special.check(plain, "ipv4")
  // BlockList matches an IPv4-mapped IPv6 address against its IPv4 rules.
  const given = globalUnicast.check(plain, "ipv6") || mappedIpv4.check(plain, "ipv6")
  return given && !special.check(plain, "ipv6")
}

/** The address was refused before anything was sent to it. */
export class BlockedAddress extends Error {
  override readonly name = "BlockedAddress"
  constructor(host: string, addresses: ReadonlyArray<string>) {
    super(
      host === addresses[0]
        ? `${host} is an address of a private network`
        : `${host} is at ${addresses.join(", ")}, of a private network`,
    )
  }
}

export type Lookup = (
  host: string,
  callback: (error: NodeJS.ErrnoException | null, addresses: ReadonlyArray<LookupAddress>) => void,
) => void

const systemLookup: Lookup = (host, callback) =>
  dnsLookup(host, { all: true }, (error, addresses) => callback(error, addresses))

/** A `lookup` for sockets that gives public addresses only; with none among a name's addresses it fails with `BlockedAddress`. */
export const guardedLookup =
  (lookup: Lookup = systemLookup): LookupFunction =>
  (host, options, callback) => {
    lookup(host, (error, found) => {
      if (error !== null) return callback(error, "", 0)
      const wanted =
        options.family === 4 || options.family === "IPv4"
          ? 4
          : options.family === 6 || options.family === "IPv6"
            ? 6
            : 0
      const allowed = found.filter(({ address }) => isPublicAddress(address))
      const usable = wanted === 0 ? allowed : allowed.filter(({ family }) => family === wanted)
      if (allowed.length === 0 && found.length > 0) {
        return callback(
          new BlockedAddress(
            host,
            found.map(({ address }) => address),
          ),
          "",
          0,
        )
      }
      if (usable.length === 0)
        return callback(Object.assign(new Error(`${host} has no address`), { code: "ENOTFOUND" }), "", 0)
      if (options.all === true) return callback(null, [...usable])
      callback(null, usable[0]!.address, usable[0]!.family)
    })
  }
