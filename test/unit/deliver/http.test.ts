/** Sending to receivers that behave and to ones that do not: what each comes to, how much of it is read, and what stays open after. */
import { createServer, type AddressInfo } from "node:net"
import { afterEach, assert, describe, it, vi } from "vitest"
import { limits } from "../../../src/config/defaults.ts"
import type { Lookup } from "../../../src/deliver/address.ts"
import { httpOutcome } from "../../../src/model/http-outcome.ts"
import { version } from "../../../src/model/version.ts"
import {
  answer,
  bodyOf,
  cutShort,
  drip,
  hangUp,
  never,
  raw,
  redirect,
  reset,
  startReceiver,
  type Behaviour,
} from "../../support/receiver.ts"
import { answerOf, failureOf, openSender } from "./open-sender.ts"
import { leadPublicAddressHere, publicAddress } from "./public-address.ts"

const mebibyte = 1024 * 1024
const soon = { timeoutMs: 100 }

afterEach(() => void vi.restoreAllMocks())

describe("a request", () => {
  it("arrives with its method, path, query, headers and every byte of its body", async () => {
    await using receiver = await startReceiver(answer(201, { "x-answer": "yes" }, "taken"))
    await using sender = await openSender()
    const body = Uint8Array.from({ length: 300_000 }, (_, i) => i % 256)
    const headers = { "content-type": "application/octet-stream", "x-own": "ünï".normalize("NFC") }
    const url = `${receiver.url}/in/a%20b?c=d&c=%26#fragment`
    const { status, headers: answered, body: text } = answerOf(await sender.send({ method: "PUT", url, headers, body }))
    assert.deepStrictEqual([status, answered["x-answer"], text], [201, "yes", "taken"])
    const request = receiver.requests[0]!
    assert.strictEqual(request.method, "PUT")
    assert.strictEqual(request.path, "/in/a%20b?c=d&c=%26")
    assert.strictEqual(request.headers["content-type"], "application/octet-stream")
    assert.strictEqual(request.headers["x-own"], headers["x-own"])
    assert.strictEqual(request.headers["content-length"], "300000")
    assert.strictEqual(request.headers.host, `127.0.0.1:${receiver.port}`)
    assert.isTrue(request.body.equals(body))
  })

  it("says who sends it, unless the connector says otherwise", async () => {
    await using receiver = await startReceiver(answer())
    await using sender = await openSender()
    await sender.send(receiver.url)
    await sender.send({ url: receiver.url, headers: { "user-agent": "other" } })
    assert.deepStrictEqual(
      receiver.requests.map(({ headers }) => headers["user-agent"]),
      [`Meshes/${version}`, "other"],
    )
  })

  it("may have no body", async () => {
    await using receiver = await startReceiver(answer(204))
    await using sender = await openSender()
    for (const method of ["GET", "DELETE", "POST"]) {
      const request = { method, url: receiver.url, headers: {}, body: "" }
      assert.strictEqual(answerOf(await sender.send(request)).status, 204)
    }
    for (const { body } of receiver.requests) assert.strictEqual(body.length, 0)
  })

  it("that cannot be sent is rejected for good, before anything is connected to", async () => {
    await using receiver = await startReceiver(answer())
    await using sender = await openSender()
    for (const request of [
      { url: "not a url" },
      { url: "" },
      { url: "ftp://example.test/" },
      { url: "file:///etc/passwd" },
      { url: `http://user:word@127.0.0.1:${receiver.port}/` },
      { url: receiver.url, method: "NO METHOD" },
      { url: receiver.url, headers: { "bad name": "x" } },
      { url: receiver.url, headers: { "x-split": "a\r\nx-injected: yes" } },
      { url: receiver.url, headers: { "transfer-encoding": "chunked" } },
      { url: receiver.url, headers: { expect: "100-continue" } },
      { url: receiver.url, headers: { "content-length": "999" } },
      { url: receiver.url, headers: { "content-length": "many" } },
    ]) {
      const outcome = failureOf(await sender.send(request))
      assert.strictEqual(outcome.kind, "rejected", JSON.stringify([request, outcome]))
      assert.isTrue(outcome.permanent)
      assert.notInclude(outcome.message, "user:word")
    }
    assert.strictEqual(receiver.requests.length, 0)
    assert.strictEqual(answerOf(await sender.send(receiver.url)).status, 200)
  })

  it("to an address that nobody listens at is a network error", async () => {
    await using sender = await openSender()
    const closed = await startReceiver(answer())
    await closed[Symbol.asyncDispose]()
    const outcome = failureOf(await sender.send(closed.url))
    assert.strictEqual(outcome.kind, "network_error")
    assert.include(outcome.message, "ECONNREFUSED")
  })

  it("to a name that nobody knows is a network error that says so", async () => {
    for (const code of ["ENOTFOUND", "EAI_AGAIN"]) {
      await using sender = await openSender((_, callback) => callback(Object.assign(new Error("no"), { code }), []))
      const outcome = failureOf(await sender.send("http://nowhere.example/", { allowPrivateNetwork: false }))
      assert.strictEqual(outcome.kind, "network_error")
      assert.include(outcome.message, `cannot be resolved (${code})`)
    }
  })

  it("over TLS to what does not speak it is a network error", async () => {
    await using receiver = await startReceiver(answer())
    await using sender = await openSender()
    const outcome = failureOf(await sender.send(`https://127.0.0.1:${receiver.port}/`))
    assert.strictEqual(outcome.kind, "network_error")
    assert.strictEqual(receiver.requests.length, 0)
  })
})

describe("a receiver that", () => {
  for (const { title, behaviour, kind, message, within } of [
    { title: "never answers", behaviour: never, kind: "timeout", message: "no answer within 100 ms", within: 100 },
    { title: "hangs up without an answer", behaviour: hangUp, kind: "network_error" },
    { title: "resets the connection", behaviour: reset, kind: "network_error", message: "ECONNRESET" },
    {
      title: "hangs up amid its answer",
      behaviour: cutShort(1000, 10),
      kind: "network_error",
      message: "after status 200, before the end of the answer",
    },
    {
      title: "sends the lines of its head one by one for ever",
      behaviour: drip("HTTP/1.1 200 OK\r\n", "x: y\r\n", 20),
      kind: "timeout",
      message: "no answer within 100 ms",
      within: 100,
    },
    {
      title: "sends its body byte by byte for ever",
      behaviour: drip("HTTP/1.1 200 OK\r\ncontent-length: 60000\r\n\r\n", "x", 20),
      kind: "timeout",
      message: "status 200 but no end of the answer within 1000 ms",
      within: 1000,
    },
    {
      title: "announces an answer for ever",
      behaviour: drip("HTTP/1.1 103 Early Hints\r\n\r\n", "HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n"),
      kind: "timeout",
      message: "no answer",
      within: 100,
    },
    {
      title: "sends a head without end",
      behaviour: drip("HTTP/1.1 200 OK\r\n", `x: ${"y".repeat(4096)}\r\n`),
      kind: "network_error",
      message: "verflow",
    },
    { title: "speaks something else", behaviour: raw("SSH-2.0-OpenSSH_9.6\r\n"), kind: "network_error" },
    { title: "speaks nonsense", behaviour: raw("\u0000\u0001\u0002\u0003".repeat(64)), kind: "network_error" },
    {
      title: "contradicts itself about its length",
      behaviour: raw("HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nxx"),
      kind: "network_error",
    },
    {
      title: "sends chunks that are none",
      behaviour: raw("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\nxx"),
      kind: "network_error",
    },
    {
      title: "changes the protocol unasked",
      behaviour: raw("HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n"),
      kind: "network_error",
    },
  ] satisfies ReadonlyArray<{
    readonly title: string
    readonly behaviour: Behaviour
    readonly kind: "timeout" | "network_error"
    readonly message?: string
    /** Absent: it ends by itself. */
    readonly within?: number
  }>) {
    it(`${title} makes a ${kind} that is tried again, and its connection is closed`, async () => {
      await using receiver = await startReceiver(behaviour)
      await using sender = await openSender()
      const outcome = failureOf(await sender.send(receiver.url, within === undefined ? {} : { timeoutMs: within }))
      assert.strictEqual(outcome.kind, kind, outcome.message)
      assert.isUndefined(outcome.permanent)
      assert.include(outcome.message, message ?? "")
      assert.isAtMost(outcome.message.length, limits.messageCharacters)
      assert.notInclude(outcome.message, "\n")
      assert.strictEqual(receiver.requests.length, 1, "it was sent once")
      await receiver.until(({ open }) => open() === 0)
    })
  }

  it("closes connections as soon as they are opened makes a network error", async () => {
    await using receiver = await startReceiver(answer(), { closesAtOnce: true })
    await using sender = await openSender()
    assert.strictEqual(failureOf(await sender.send(receiver.url)).kind, "network_error")
    await receiver.until(({ open }) => open() === 0)
    assert.strictEqual(receiver.requests.length, 0)
  })

  it("opens connections and never speaks TLS on them makes a timeout", async () => {
    const sockets = new Set<{ destroy: () => void }>()
    const silent = createServer((socket) => void sockets.add(socket.on("error", () => {})))
    await new Promise<void>((listening) => silent.listen(0, "127.0.0.1", listening))
    try {
      await using sender = await openSender()
      const url = `https://127.0.0.1:${(silent.address() as AddressInfo).port}/`
      assert.strictEqual(failureOf(await sender.send(url, soon)).kind, "timeout")
    } finally {
      for (const socket of sockets) socket.destroy()
      await new Promise((closed) => silent.close(closed))
    }
  })

  it("resets a connection that was kept is met anew by the next attempt", async () => {
    await using receiver = await startReceiver([answer(), reset, answer()])
    await using sender = await openSender()
    assert.strictEqual(answerOf(await sender.send(receiver.url)).status, 200)
    await nextTurn()
    const outcome = failureOf(await sender.send(receiver.url))
    assert.strictEqual(outcome.kind, "network_error")
    assert.strictEqual(answerOf(await sender.send(receiver.url)).status, 200)
    assert.deepStrictEqual(
      receiver.requests.map(({ connection }) => connection),
      [1, 1, 2],
    )
  })

  it("closes each connection after its answer is sent to again without a failure", async () => {
    await using receiver = await startReceiver(answer(200, { connection: "close" }))
    await using sender = await openSender()
    for (let i = 0; i < 20; i++) assert.strictEqual(answerOf(await sender.send(receiver.url)).status, 200)
    await receiver.until(({ open }) => open() === 0)
    assert.strictEqual(receiver.opened(), 20)
  })

  it("answers before it was sent everything makes an answer or a network error, and never hangs", async () => {
    // The head is answered, then the connection is reset under the rest of the body.
    const server = createServer((socket) => {
      socket.on("error", () => {})
      socket.once("data", () => {
        socket.write("HTTP/1.1 413 Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n", () => socket.destroy())
      })
    })
    await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening))
    try {
      await using sender = await openSender()
      const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
      const sent = await sender.send({ url, body: Buffer.alloc(16 * mebibyte) })
      if (sent._tag === "Answer") assert.strictEqual(sent.response.status, 413)
      else assert.strictEqual(sent.outcome.kind, "network_error")
    } finally {
      await new Promise((closed) => server.close(closed))
    }
  })
})

describe("of an answer", () => {
  it("of 100 MB no more is read than is kept, and the status decides", async () => {
    await using receiver = await startReceiver(bodyOf(100 * mebibyte))
    await using sender = await openSender()
    const before = process.memoryUsage().arrayBuffers
    const { status, body } = answerOf(await sender.send(receiver.url))
    const after = process.memoryUsage().arrayBuffers
    assert.strictEqual(status, 200)
    assert.strictEqual(body, "x".repeat(limits.responseBodyRead))
    await receiver.until(({ open }) => open() === 0)
    // What the system buffers between the two is written, though not read.
    assert.isBelow(receiver.written(), 32 * mebibyte)
    assert.isBelow(after - before, 32 * mebibyte)
  })

  it("of 100 MB to many at once no more is held than each may keep", async () => {
    await using receiver = await startReceiver(bodyOf(100 * mebibyte, 500))
    await using sender = await openSender()
    const answers = await Promise.all(Array.from({ length: 20 }, () => sender.send(receiver.url)))
    for (const sent of answers) {
      const { status, body } = answerOf(sent)
      assert.strictEqual(status, 500)
      assert.strictEqual(body.length, limits.responseBodyRead)
    }
    await receiver.until(({ open }) => open() === 0)
  })

  for (const more of [-1, 0, 1]) {
    it(`of ${limits.responseBodyRead}${more === 0 ? "" : ` ${more > 0 ? "+" : "-"} 1`} bytes as many are read as may be`, async () => {
      await using receiver = await startReceiver(bodyOf(limits.responseBodyRead + more))
      await using sender = await openSender()
      const { body } = answerOf(await sender.send(receiver.url))
      assert.strictEqual(body.length, limits.responseBodyRead + Math.min(more, 0))
    })
  }

  it("that trickles in, what came until there is enough is taken, without waiting for the rest", async () => {
    const head = "HTTP/1.1 202 Accepted\r\n\r\n"
    await using receiver = await startReceiver(drip(head, "x".repeat(limits.responseBodyRead / 8)))
    await using sender = await openSender()
    assert.strictEqual(answerOf(await sender.send(receiver.url)).status, 202)
    await receiver.until(({ open }) => open() === 0)
  })

  it("without a length the end is the connection's", async () => {
    const behaviour: Behaviour = ({ socket }) => void socket.end("HTTP/1.0 200 OK\r\n\r\nall of it")
    await using receiver = await startReceiver(behaviour)
    await using sender = await openSender()
    assert.strictEqual(answerOf(await sender.send(receiver.url)).body, "all of it")
  })

  it("with announcements before it only the final one counts", async () => {
    const text = "HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\nHTTP/1.1 204 No Content\r\nx-final: yes\r\n\r\n"
    await using receiver = await startReceiver(raw(text))
    await using sender = await openSender()
    const { status, headers } = answerOf(await sender.send(receiver.url))
    assert.deepStrictEqual([status, headers["x-final"], headers["link"]], [204, "yes", undefined])
  })
})

describe("a redirect", () => {
  /** `/` leads to each path in turn. */
  const leading = (...to: ReadonlyArray<string>) => ({
    choose: (_: unknown, before: number) => (before < to.length ? redirect(to[before]!) : answer(200, {}, "there")),
  })

  for (const status of [307, 308]) {
    it(`${status} to the same origin is followed with method, headers and body`, async () => {
      await using receiver = await startReceiver([redirect("/there?a=b", status), answer(200, {}, "there")])
      await using sender = await openSender()
      const request = { method: "PATCH", url: `${receiver.url}/in`, headers: { "x-own": "1" }, body: "the body" }
      assert.strictEqual(answerOf(await sender.send(request)).body, "there")
      const [, second] = receiver.requests
      assert.deepStrictEqual(
        [second?.method, second?.path, second?.headers["x-own"], second?.body.toString()],
        ["PATCH", "/there?a=b", "1", "the body"],
      )
    })
  }

  it("is followed as often as is allowed, and no more", async () => {
    await using enough = await startReceiver(leading(...Array.from({ length: limits.redirects }, (_, i) => `/${i}`)))
    await using sender = await openSender()
    assert.strictEqual(answerOf(await sender.send(enough.url)).body, "there")
    await using tooMany = await startReceiver(leading(...Array.from({ length: 9 }, (_, i) => `/${i}`)))
    assert.strictEqual(answerOf(await sender.send(tooMany.url)).status, 307)
    assert.strictEqual(tooMany.requests.length, limits.redirects + 1)
  })

  it("is not followed for a connector that forbids it", async () => {
    await using receiver = await startReceiver(redirect("/there"))
    await using sender = await openSender()
    const request = { url: receiver.url, redirects: false } as const
    assert.strictEqual(answerOf(await sender.send(request)).status, 307)
    assert.strictEqual(receiver.requests.length, 1)
  })

  it("in a loop ends as a rejection", async () => {
    await using receiver = await startReceiver(redirect("/"))
    await using sender = await openSender()
    const outcome = httpOutcome(answerOf(await sender.send(receiver.url)), Date.now())
    assert.strictEqual(outcome.kind, "rejected")
    assert.isTrue(outcome.permanent)
    assert.strictEqual(receiver.requests.length, limits.redirects + 1)
  })

  it("to another origin is not followed: nothing of ours goes there", async () => {
    await using other = await startReceiver(answer())
    await using sender = await openSender()
    const { port } = other
    const targets = [`${other.url}/`, `//127.0.0.1:${port}/`, `http://localhost:${port}/`, "http://169.254.169.254/"]
    for (const target of targets) {
      await using receiver = await startReceiver(redirect(target))
      const outcome = httpOutcome(answerOf(await sender.send(receiver.url)), Date.now())
      assert.strictEqual(outcome.kind, "rejected", target)
      assert.include(outcome.message, "not followed")
    }
    assert.strictEqual(other.opened(), 0)
  })

  it("to the same host under another scheme or name is to another origin", async () => {
    await using receiver = await startReceiver({
      choose: ({ path }) =>
        path === "/tls"
          ? redirect(`https://127.0.0.1:${receiver.port}/`)
          : redirect(`http://localhost:${receiver.port}/`),
    })
    await using sender = await openSender()
    for (const path of ["/tls", "/name"]) {
      assert.strictEqual(answerOf(await sender.send(receiver.url + path)).status, 307)
    }
    assert.strictEqual(receiver.requests.length, 2)
  })

  it("that changes the method is not followed", async () => {
    await using sender = await openSender()
    for (const status of [300, 301, 302, 303, 304]) {
      await using receiver = await startReceiver(redirect("/there", status))
      assert.strictEqual(answerOf(await sender.send(receiver.url)).status, status)
      assert.strictEqual(receiver.requests.length, 1)
    }
  })

  it("that leads nowhere is the answer", async () => {
    await using sender = await openSender()
    for (const behaviour of [answer(307), redirect("http://"), redirect("javascript:alert(1)")]) {
      await using receiver = await startReceiver(behaviour)
      assert.strictEqual(answerOf(await sender.send(receiver.url)).status, 307)
    }
  })

  it("does not lengthen the time allowed, and the time that is told is all of it", async () => {
    await using receiver = await startReceiver([redirect("/a"), redirect("/b"), never])
    await using sender = await openSender()
    const outcome = failureOf(await sender.send(receiver.url, { timeoutMs: 400 }))
    assert.strictEqual(outcome.kind, "timeout")
    assert.strictEqual(outcome.message, "no answer within 400 ms")
    assert.strictEqual(receiver.requests.length, 3)
    await receiver.until(({ requests, open }) => requests.length === 3 && open() <= 2)
  })

  it("with a long text of its own is followed without reading all of that", async () => {
    const wordy: Behaviour = ({ response }) => {
      response.writeHead(307, { location: "/there" })
      response.write(Buffer.alloc(mebibyte, "x"))
    }
    await using receiver = await startReceiver([wordy, answer(200, {}, "there")])
    await using sender = await openSender()
    assert.strictEqual(answerOf(await sender.send(receiver.url)).body, "there")
  })
})

describe("connections", () => {
  it("are used again, and there are no more than requests at once need", async () => {
    await using receiver = await startReceiver(answer())
    await using sender = await openSender()
    for (let round = 0; round < 20; round++) {
      await Promise.all(Array.from({ length: 5 }, () => sender.send(receiver.url)))
      await nextTurn() // in which they are free again
    }
    assert.strictEqual(receiver.requests.length, 100)
    assert.strictEqual(receiver.opened(), 5)
  })

  it("are all closed with the sender, those in use as well", async () => {
    await using receiver = await startReceiver({ choose: ({ path }) => (path === "/never" ? never : answer()) })
    const sender = await openSender()
    await sender.send(receiver.url)
    const hanging = sender.send(`${receiver.url}/never`)
    await receiver.until(({ requests }) => requests.length === 2)
    await sender[Symbol.asyncDispose]()
    assert.strictEqual(failureOf(await hanging).kind, "network_error")
    await receiver.until(({ open }) => open() === 0)
  })

  it("are closed when whoever waits for the answer is interrupted", async () => {
    await using receiver = await startReceiver(never)
    await using sender = await openSender()
    const interruption = new AbortController()
    const waiting = sender.send(receiver.url, {}, interruption.signal).then(
      () => "an answer",
      () => "interrupted",
    )
    await receiver.until(({ requests }) => requests.length === 1)
    interruption.abort()
    assert.strictEqual(await waiting, "interrupted")
    await receiver.until(({ open }) => open() === 0)
  })

  it("are closed when whoever waits is interrupted after a redirect", async () => {
    await using receiver = await startReceiver([redirect("/there"), never])
    await using sender = await openSender()
    const interruption = new AbortController()
    const waiting = sender.send(receiver.url, {}, interruption.signal).catch(() => "interrupted")
    await receiver.until(({ requests }) => requests.length === 2)
    const hanging = receiver.requests[1]!.connection
    const kept = receiver.requests[0]!.connection === hanging ? 0 : 1
    interruption.abort()
    assert.strictEqual(await waiting, "interrupted")
    await receiver.until(({ open }) => open() === kept)
  })

  it("leave nothing behind after many failures of every kind", async () => {
    const behaviours = [never, hangUp, reset, cutShort(100, 10), bodyOf(mebibyte), raw("nonsense\r\n\r\n")]
    await using receiver = await startReceiver({ choose: (_, before) => behaviours[before % behaviours.length]! })
    await using sender = await openSender()
    await Promise.all(Array.from({ length: 120 }, () => sender.send(receiver.url, { timeoutMs: 1000 })))
    await receiver.until(({ open }) => open() === 0)
  })

  it("that open too late carry nothing: a request is not sent after its time", async () => {
    await using receiver = await startReceiver(answer())
    leadPublicAddressHere()
    const waiting: Array<() => void> = []
    let slow = true
    const lookup: Lookup = (_, callback) => {
      const say = () => callback(null, [{ address: publicAddress, family: 4 }])
      if (slow) waiting.push(say)
      else say()
    }
    await using sender = await openSender(lookup)
    const url = `http://slow-name.example:${receiver.port}/`
    const guarded = { allowPrivateNetwork: false }
    assert.strictEqual(failureOf(await sender.send(`${url}late`, { ...soon, ...guarded })).kind, "timeout")
    assert.strictEqual(waiting.length, 1)
    slow = false
    const inTime = sender.send(`${url}in-time`, guarded)
    for (const say of waiting) say()
    assert.strictEqual(answerOf(await inTime).status, 200)
    await nextTurn()
    assert.strictEqual(answerOf(await sender.send(`${url}after`, guarded)).status, 200)
    assert.deepStrictEqual(
      receiver.requests.map(({ path }) => path),
      ["/in-time", "/after"],
    )
  })

  it("that are all in use make a request wait, and one whose time is up meanwhile is never sent", async () => {
    const held: Array<() => void> = []
    await using receiver = await startReceiver({
      choose: ({ path }) =>
        path === "/hold"
          ? ({ response }) => void held.push(() => void response.end())
          : ({ response }) => void response.end(),
    })
    await using sender = await openSender()
    const holding = Array.from({ length: limits.connectionsPerOrigin }, () => sender.send(`${receiver.url}/hold`))
    await receiver.until(({ requests }) => requests.length === limits.connectionsPerOrigin)
    assert.strictEqual(failureOf(await sender.send(`${receiver.url}/late`, soon)).kind, "timeout")
    const patient = sender.send(`${receiver.url}/patient`)
    for (const end of held) end()
    for (const one of [...holding, patient]) assert.strictEqual(answerOf(await one).status, 200)
    assert.strictEqual(answerOf(await sender.send(`${receiver.url}/after`)).status, 200)
    assert.isAtMost(receiver.open(), limits.connectionsPerOrigin)
    assert.notInclude(
      receiver.requests.map(({ path }) => path),
      "/late",
    )
  })
})

const nextTurn = () => new Promise((turn) => setImmediate(turn))
