/**
 * Surroundings that do not fit: streams of another shape, servers too old, binaries that are none.
 */
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises"
import { createServer } from "node:net"
import type { AddressInfo } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { jetstreamManager, RetentionPolicy } from "@nats-io/jetstream"
import { connect } from "@nats-io/transport-node"
import * as Effect from "effect/Effect"
import { afterAll, beforeAll, expect, test } from "vitest"
import { Nats } from "../../../src/log/connection.ts"
import { ensureTopology } from "../../../src/log/ensure.ts"
import { findNatsServer } from "../../../src/log/nats-server.ts"
import { startNats } from "../../support/nats.ts"

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "meshes-surroundings-"))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

const ensure = (url: string): Promise<unknown> =>
  Effect.runPromise(Effect.result(ensureTopology.pipe(Effect.provide(Nats.layer(url, 0)), Effect.scoped)))

test("a stream of another shape is reported with what differs, and left as it is", async () => {
  await using nats = await startNats()
  const nc = await connect({ servers: nats.url })
  const jsm = await jetstreamManager(nc)
  await jsm.streams.add({ name: "EVENTS", subjects: ["orders.>"], retention: RetentionPolicy.Limits })
  const answer = (await ensure(nats.url)) as { readonly _tag: string; readonly failure: Error }
  expect(answer._tag).toBe("Failure")
  expect(answer.failure.message).toContain("EVENTS")
  expect(answer.failure.message).toContain("subjects")
  expect((await jsm.streams.info("EVENTS")).config.subjects).toEqual(["orders.>"])
  await nc.close()
})

test("the streams are made once, and found again", async () => {
  await using nats = await startNats()
  expect(await ensure(nats.url)).toMatchObject({ _tag: "Success" })
  expect(await ensure(nats.url)).toMatchObject({ _tag: "Success" })
})

test("a server older than 2.12 is refused by name and version", async () => {
  const server = createServer((socket) => {
    const info = {
      server_id: "OLD",
      version: "2.11.9",
      proto: 1,
      go: "",
      host: "127.0.0.1",
      port: 0,
      headers: true,
      max_payload: 1048576,
      jetstream: true,
    }
    socket.write(`INFO ${JSON.stringify(info)}\r\n`)
    socket.on("data", (bytes) => {
      if (bytes.includes("PING")) socket.write("PONG\r\n")
    })
    socket.on("error", () => undefined)
  })
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening))
  const answer = (await ensure(`nats://127.0.0.1:${(server.address() as AddressInfo).port}`)) as {
    readonly failure: Error
  }
  expect(answer.failure.message).toContain("2.11.9")
  expect(answer.failure.message).toContain("2.12.0 or newer")
  server.close()
})

test("a configured binary that is too old, or none at all, is refused, and no other is taken in its place", async () => {
  const old = join(folder, "old-server")
  await writeFile(old, "#!/bin/sh\necho 'nats-server: v2.10.4'\n")
  await chmod(old, 0o755)
  for (const configured of [old, join(folder, "nothing")]) {
    const answer = await Effect.runPromise(Effect.result(findNatsServer({ configured, dataDir: folder })))
    expect(answer._tag).toBe("Failure")
    if (answer._tag === "Failure") expect(answer.failure.message).toContain(configured)
  }
})
