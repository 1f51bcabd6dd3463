/** Which addresses a delivery may connect to: by the ranges, by how an address is written, and by what a name answers when it counts. */
import { isIP } from "node:net"
import { afterEach, assert, describe, it, vi } from "vitest"
import { BlockedAddress, guardedLookup, isPublicAddress, type Lookup } from "../../../src/deliver/address.ts"
import { answer, startReceiver } from "../../support/receiver.ts"
import { answerOf, failureOf, openSender } from "./open-sender.ts"
import { leadPublicAddressHere, publicAddress } from "./public-address.ts"

/** Answers for names: the n-th time with the n-th list, the last one for ever. */
const answering = (...answers: ReadonlyArray<ReadonlyArray<string>>): Lookup & { readonly asked: () => number } => {
  let asked = 0
  const lookup: Lookup = (_, callback) => {
    const addresses = answers[Math.min(asked++, answers.length - 1)]!
    queueMicrotask(() =>
      callback(
        null,
        addresses.map((address) => ({ address, family: isIP(address) })),
      ),
    )
  }
  return Object.assign(lookup, { asked: () => asked })
}

interface Found {
  readonly error: Error | null
  readonly address: unknown
}

const lookedUp = (lookup: Lookup, options: Parameters<ReturnType<typeof guardedLookup>>[1] = { all: true }) =>
  new Promise<Found>((done) => {
    guardedLookup(lookup)("example.test", options, (error, address) => done({ error, address }))
  })

describe("an address", () => {
  for (const [what, addresses] of Object.entries({
    "of a private network": [
      "10.0.0.0",
      "10.255.255.255",
      "172.16.0.0",
      "172.31.255.255",
      "192.168.0.0",
      "192.168.255.255",
    ],
    "of this machine": ["127.0.0.1", "127.255.255.254", "::1", "0:0:0:0:0:0:0:1"],
    "that is unspecified": ["0.0.0.0", "0.1.2.3", "::"],
    "of the link, the metadata service among them": [
      "169.254.0.0",
      "169.254.169.254",
      "169.254.255.255",
      "fe80::1",
      "fe80::1%eth0",
      "febf::1",
    ],
    "behind a carrier's translator": ["100.64.0.0", "100.100.100.200", "100.127.255.255"],
    "of many receivers": ["224.0.0.1", "239.255.255.255", "ff02::1", "ff0e::1"],
    "that is reserved, or for everybody": ["240.0.0.1", "255.255.255.255", "192.0.0.192"],
    "for documentation or measuring": [
      "192.0.2.1",
      "198.51.100.1",
      "203.0.113.1",
      "198.18.0.1",
      "2001:db8::1",
      "3fff::1",
    ],
    "of a cloud's platform": ["168.63.129.16", "fd00:ec2::254"],
    "that is unique to a site": ["fc00::1", "fd12:3456::1", "fec0::1"],
    "of IPv4, mapped into IPv6": [
      "::ffff:127.0.0.1",
      "::ffff:7f00:1",
      "::FFFF:10.0.0.1",
      "0:0:0:0:0:ffff:a9fe:a9fe",
      "::ffff:0.0.0.0",
    ],
    "of IPv4, inside an IPv6 address of any other kind": [
      "::127.0.0.1",
      "::10.0.0.1",
      "::ffff:0:7f00:1",
      "64:ff9b::7f00:1",
      "64:ff9b::10.0.0.1",
      "64:ff9b:1::a00:1",
      "2002:7f00:1::",
      "2002:a00:1::1",
      "2001:0:a00:1::1",
    ],
    "that was never given out": ["100::1", "200::1", "4000::1", "5f00::1", "8000::1", "fe00::1"],
    "that is none": [
      "",
      "localhost",
      "example.test",
      "1.2.3",
      "1.2.3.4.5",
      "256.1.1.1",
      "0x7f.0.0.1",
      "[",
      "1.1.1.1/8",
    ],
  })) {
    it(`${what} is not public`, () => {
      for (const address of addresses) assert.isFalse(isPublicAddress(address), address)
    })
  }

  it("next to a range of private ones is public", () => {
    for (const address of [
      "1.0.0.0",
      "9.255.255.255",
      "11.0.0.0",
      "100.63.255.255",
      "100.128.0.0",
      "126.255.255.255",
      "128.0.0.0",
      "168.63.129.15",
      "169.253.255.255",
      "169.255.0.0",
      "172.15.255.255",
      "172.32.0.0",
      "192.167.255.255",
      "192.169.0.0",
      "198.17.255.255",
      "198.20.0.0",
      "223.255.255.255",
      "2001:4860:4860::8888",
      "2606:4700::1111",
      "[2606:4700::1111]",
      "2a00:1450::1",
      "::ffff:8.8.8.8",
    ]) {
      assert.isTrue(isPublicAddress(address), address)
    }
  })
})

describe("looking up a name", () => {
  it("gives the public ones of its addresses and no others", async () => {
    const mixed = ["10.0.0.1", publicAddress, "::1", "2606:4700::1111", "::ffff:127.0.0.1"]
    const { error, address } = await lookedUp(answering(mixed))
    assert.isNull(error)
    assert.deepStrictEqual(address, [
      { address: publicAddress, family: 4 },
      { address: "2606:4700::1111", family: 6 },
    ])
  })

  it("gives one public address to who asks for one, of the family wanted", async () => {
    const mixed = ["10.0.0.1", publicAddress, "2606:4700::1111"]
    assert.strictEqual((await lookedUp(answering(mixed), {})).address, publicAddress)
    for (const family of [6, "IPv6"] as const) {
      assert.strictEqual((await lookedUp(answering(mixed), { family })).address, "2606:4700::1111")
    }
    for (const family of [4, "IPv4"] as const) {
      assert.strictEqual((await lookedUp(answering(mixed), { family })).address, publicAddress)
    }
  })

  it("fails, and says where the name is, when none of its addresses is public", async () => {
    const { error } = await lookedUp(answering(["10.0.0.1", "::1"]))
    assert.instanceOf(error, BlockedAddress)
    assert.include(error?.message, "10.0.0.1, ::1")
  })

  it("fails as a name without addresses does when there is none of the family wanted", async () => {
    for (const lookup of [answering([]), answering([publicAddress])]) {
      const { error } = await lookedUp(lookup, { family: 6 })
      assert.strictEqual((error as NodeJS.ErrnoException).code, "ENOTFOUND")
    }
  })

  it("passes on why the name could not be looked up", async () => {
    const broken = Object.assign(new Error("no"), { code: "EAI_AGAIN" })
    const { error } = await lookedUp((_, callback) => callback(broken, []))
    assert.strictEqual(error, broken)
  })
})

describe("a delivery", () => {
  afterEach(() => void vi.restoreAllMocks())

  it("is blocked, without a connection, however an address of this machine or its network is written", async () => {
    await using receiver = await startReceiver(answer())
    await using sender = await openSender()
    const { port } = receiver
    for (const host of [
      "127.0.0.1",
      "127.1",
      "127.0.0.1.",
      "2130706433",
      "0x7f000001",
      "0x7f.1",
      "0177.0.0.1",
      "017700000001",
      "%31%32%37.0.0.1",
      "①②⑦.0.0.1",
      "0",
      "0.0.0.0",
      "[::1]",
      "[::]",
      "[::ffff:127.0.0.1]",
      "[::ffff:7f00:1]",
      "[0:0:0:0:0:0:0:1]",
      "[64:ff9b::7f00:1]",
      "169.254.169.254",
      "0xa9fea9fe",
      "2852039166",
      "localhost",
      "LOCALHOST",
    ]) {
      const outcome = failureOf(await sender.send(`http://${host}:${port}/`, { allowPrivateNetwork: false }))
      assert.strictEqual(outcome.kind, "blocked", `${host}: ${outcome.message}`)
      assert.isTrue(outcome.permanent)
      assert.include(outcome.message, "allowPrivateNetwork: true")
    }
    assert.strictEqual(receiver.opened(), 0)
  })

  it("is not made over TLS either", async () => {
    await using receiver = await startReceiver(answer())
    await using sender = await openSender(answering(["127.0.0.1"]))
    for (const host of ["127.0.0.1", "localhost", "tenant.example"]) {
      const sent = await sender.send(`https://${host}:${receiver.port}/`, { allowPrivateNetwork: false })
      assert.strictEqual(failureOf(sent).kind, "blocked", host)
    }
    assert.strictEqual(receiver.opened(), 0)
  })

  it("is blocked for a name that answers with the metadata service's address", async () => {
    await using sender = await openSender(answering(["169.254.169.254"]))
    const url = "http://metadata.google.internal/computeMetadata/v1/"
    const outcome = failureOf(await sender.send(url, { allowPrivateNetwork: false }))
    assert.strictEqual(outcome.kind, "blocked")
    assert.include(outcome.message, "169.254.169.254")
  })

  it("is made to all of these when its connection allows private networks", async () => {
    await using receiver = await startReceiver(answer())
    await using sender = await openSender()
    const hosts = ["127.0.0.1", "127.1", "2130706433", "0x7f000001", "0177.0.0.1", "localhost", "[::ffff:127.0.0.1]"]
    for (const host of hosts) {
      assert.strictEqual(answerOf(await sender.send(`http://${host}:${receiver.port}/`)).status, 200, host)
    }
    assert.strictEqual(receiver.requests.length, hosts.length)
  })

  it("is refused when it connects, for a name that was public when it was looked up before", async () => {
    await using receiver = await startReceiver(answer(200, { connection: "close" }))
    const lookup = answering([publicAddress], ["127.0.0.1"])
    await using sender = await openSender(lookup)
    const connected = leadPublicAddressHere()
    const url = `http://rebinding.example:${receiver.port}/`
    assert.strictEqual(answerOf(await sender.send(url, { allowPrivateNetwork: false })).status, 200)
    assert.deepStrictEqual(connected, [publicAddress])
    await receiver.until(({ open }) => open() === 0)
    for (let again = 0; again < 3; again++) {
      assert.strictEqual(failureOf(await sender.send(url, { allowPrivateNetwork: false })).kind, "blocked")
    }
    assert.strictEqual(receiver.opened(), 1)
    assert.deepStrictEqual(connected, [publicAddress], "no address but the public one was ever connected to")
  })

  it("looks a name up once a connection: what was judged is what is connected to", async () => {
    await using receiver = await startReceiver(answer())
    const lookup = answering([publicAddress], ["127.0.0.1"])
    await using sender = await openSender(lookup)
    const connected = leadPublicAddressHere()
    const url = `http://rebinding.example:${receiver.port}/`
    for (let i = 0; i < 3; i++) {
      answerOf(await sender.send(url, { allowPrivateNetwork: false }))
      await new Promise((turn) => setImmediate(turn)) // the connection is free again in the next turn
    }
    assert.strictEqual(lookup.asked(), 1)
    assert.strictEqual(receiver.opened(), 1)
    assert.deepStrictEqual(connected, [publicAddress])
  })

  it("connects to the public ones of a name's addresses only", async () => {
    await using receiver = await startReceiver(answer())
    await using sender = await openSender(answering(["10.0.0.1", publicAddress, "169.254.169.254"]))
    const connected = leadPublicAddressHere()
    answerOf(await sender.send(`http://mixed.example:${receiver.port}/`, { allowPrivateNetwork: false }))
    assert.deepStrictEqual(connected, [publicAddress])
  })

  it("does not borrow the open connection of one that is allowed private networks", async () => {
    await using receiver = await startReceiver(answer())
    await using sender = await openSender()
    const url = `http://localhost:${receiver.port}/`
    answerOf(await sender.send(url))
    assert.strictEqual(receiver.open(), 1)
    assert.strictEqual(failureOf(await sender.send(url, { allowPrivateNetwork: false })).kind, "blocked")
    assert.strictEqual(receiver.requests.length, 1)
  })
})
