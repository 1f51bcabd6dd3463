/**
 * The vault over a real log: what is written is found by everyone at once, changed only by whoever saw what it changes, and vanishes when
 * it should.
 */
import { createSecretKey, randomBytes } from "node:crypto"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Result from "effect/Result"
import { jetstreamManager } from "@nats-io/jetstream"
import { connect } from "@nats-io/transport-node"
import { afterAll, beforeAll, expect, test } from "vitest"
import { Nats } from "../../src/log/connection.ts"
import { ensureVault } from "../../src/log/ensure.ts"
import { Health } from "../../src/observe/health.ts"
import { keyId, makeKeyRing, type KeyRing } from "../../src/secrets/keyring.ts"
import { rotate } from "../../src/secrets/rotate.ts"
import { Vault, type Place } from "../../src/secrets/vault.ts"
import { startNats, type TestNats } from "../support/nats.ts"

let nats: TestNats
const key = createSecretKey(randomBytes(32))
const ring = makeKeyRing([key])

beforeAll(async () => {
  nats = await startNats()
})
afterAll(() => nats.stop())

const secret = (name: string, workspace = "acme"): Place => ({ kind: "secret", workspace, name })

/** A process that has the vault. */
const open = (of: KeyRing | undefined = ring) =>
  ManagedRuntime.make(
    Vault.layer(of).pipe(
      Layer.provide(Layer.effectDiscard(ensureVault)),
      Layer.provide(Nats.layer(nats.url)),
      Layer.provide(Health.layer),
    ),
  )

/** Resolves when the vault tells of a change that is enough. */
const until = (vault: Vault["Service"], enough: () => boolean) =>
  new Promise<void>((done) => {
    if (enough()) return done()
    const stop = vault.listen(() => {
      if (!enough()) return
      stop()
      done()
    })
  })

test("what one process writes, another finds without asking, and a removal too", async () => {
  const [one, other] = [open(), open()]
  const [a, b] = [await one.runPromise(Vault), await other.runPromise(Vault)]
  const place = secret("A")
  expect(a.get(place)).toEqual(Result.succeed(undefined))
  await one.runPromise(a.write(place, "first"))
  expect(a.get(place)).toEqual(Result.succeed("first"))
  await until(b, () => Result.getOrUndefined(b.get(place)) === "first")
  await other.runPromise(b.write(place, "second"))
  await until(a, () => Result.getOrUndefined(a.get(place)) === "second")
  expect(await one.runPromise(a.read(place))).toMatchObject({ text: "second" })
  expect(b.get(secret("A", "globex"))).toEqual(Result.succeed(undefined))
  await one.runPromise(a.remove(place))
  expect(a.get(place)).toEqual(Result.succeed(undefined))
  await until(b, () => Result.getOrUndefined(b.get(place)) === undefined)
  expect(await other.runPromise(b.read(place))).toBeUndefined()
  await one.dispose()
  await other.dispose()
})

test("what was there before a process began is known to it when it begins", async () => {
  const one = open()
  const a = await one.runPromise(Vault)
  for (let i = 0; i < 50; i++) await one.runPromise(a.write(secret(`BEFORE_${i}`), `value ${i}`))
  await one.dispose()
  const other = open()
  const b = await other.runPromise(Vault)
  for (let i = 0; i < 50; i++) expect(b.get(secret(`BEFORE_${i}`))).toEqual(Result.succeed(`value ${i}`))
  await other.dispose()
})

test("a write counts only after what it was decided over, also after a removal and an end", async () => {
  const one = open()
  const a = await one.runPromise(Vault)
  const place: Place = { kind: "token", workspace: "acme", name: "crm/eu ü" }
  const tag = (after: number, text: string) =>
    one.runPromise(
      a.write(place, text, { after }).pipe(
        Effect.map(() => "written"),
        Effect.catchTag("VaultConflict", (error) => Effect.succeed(error.message)),
      ),
    )
  expect(await tag(0, "one")).toBe("written")
  expect(await tag(0, "two")).toContain('token "crm/eu ü" of workspace "acme"')
  const { revision } = (await one.runPromise(a.read(place)))!
  expect(await tag(revision, "two")).toBe("written")
  expect(await tag(revision, "three")).toContain("changed by somebody else")
  expect(await one.runPromise(Effect.flip(a.remove(place, { after: revision })))).toMatchObject({
    _tag: "VaultConflict",
  })
  await one.runPromise(a.remove(place))
  expect(await tag(0, "four")).toBe("written")
  expect(await one.runPromise(a.list("token", "acme"))).toMatchObject([{ place, key: ring.ids[0] }])
  await one.dispose()
})

test("two that want the same at once: one has it", async () => {
  const [one, other] = [open(), open()]
  const [a, b] = [await one.runPromise(Vault), await other.runPromise(Vault)]
  const place: Place = { kind: "refreshing", workspace: "acme", name: "crm" }
  const take = (vault: Vault["Service"]) =>
    Effect.result(vault.write(place, "mine", { after: 0, ttlMs: 60_000 })).pipe(Effect.map(Result.isSuccess))
  const took = await Promise.all([one.runPromise(take(a)), other.runPromise(take(b))])
  expect(took.toSorted()).toEqual([false, true])
  await one.dispose()
  await other.dispose()
})

test("a record with an end vanishes from memory and from the log, and may be made anew", async () => {
  const [one, other] = [open(), open()]
  const [a, b] = [await one.runPromise(Vault), await other.runPromise(Vault)]
  const place: Place = { kind: "authorization", workspace: "acme", name: "state-1" }
  await one.runPromise(a.write(place, "pending", { ttlMs: 1500 }))
  await until(b, () => Result.getOrUndefined(b.get(place)) === "pending")
  await Promise.all([a, b].map((vault) => until(vault, () => Result.getOrUndefined(vault.get(place)) === undefined)))
  expect(await one.runPromise(a.read(place))).toBeUndefined()
  await one.runPromise(a.write(place, "again", { after: 0, ttlMs: 1000 }))
  const nc = await connect({ servers: nats.url })
  const jsm = await jetstreamManager(nc)
  const count = async () =>
    Object.keys(
      (await jsm.streams.info("KV_MESHES_VAULT", { subjects_filter: "$KV.MESHES_VAULT.authorization.>" })).state
        .subjects ?? {},
    ).length
  expect(await count()).toBe(1)
  while ((await count()) > 0) await new Promise((resolve) => setTimeout(resolve, 50))
  await nc.close()
  await one.dispose()
  await other.dispose()
})

test("a record that was put elsewhere in the log does not open there", async () => {
  const one = open()
  const a = await one.runPromise(Vault)
  await one.runPromise(a.write(secret("MINE"), "of acme alone"))
  const nc = await connect({ servers: nats.url })
  const jsm = await jetstreamManager(nc)
  const message = await jsm.direct.getMessage("KV_MESHES_VAULT", { last_by_subj: "$KV.MESHES_VAULT.secret.acme.MINE" })
  await nc.request("$KV.MESHES_VAULT.secret.globex.MINE", message!.data)
  await until(a, () => Result.isFailure(a.get(secret("MINE", "globex"))))
  const moved = a.get(secret("MINE", "globex"))
  expect(Result.isFailure(moved) && moved.failure).toContain('secret "MINE" of workspace "globex" does not open')
  expect(await one.runPromise(Effect.flip(a.read(secret("MINE", "globex"))))).toMatchObject({ _tag: "Unusable" })
  await nc.close()
  await one.dispose()
})

test("without a ring, or with another one, it is said which record does not open and why; nothing is written", async () => {
  const one = open()
  const a = await one.runPromise(Vault)
  await one.runPromise(a.write(secret("RINGED"), "a value of the ring"))
  await one.dispose()
  const without = ManagedRuntime.make(
    Vault.layer(undefined).pipe(Layer.provide(Nats.layer(nats.url)), Layer.provide(Health.layer)),
  )
  const b = await without.runPromise(Vault)
  const found = b.get(secret("RINGED"))
  expect(Result.isFailure(found) && found.failure).toContain("no key ring is configured")
  expect(b.get(secret("NEVER_SET"))).toEqual(Result.succeed(undefined))
  expect(await without.runPromise(Effect.flip(b.write(secret("NEW"), "x")))).toMatchObject({ _tag: "Unusable" })
  await without.dispose()
  const wrong = open(makeKeyRing([createSecretKey(randomBytes(32))]))
  const c = await wrong.runPromise(Vault)
  const sealed = c.get(secret("RINGED"))
  expect(Result.isFailure(sealed) && sealed.failure).toContain(`sealed under the key ${ring.ids[0]}`)
  await wrong.dispose()
})

test("what changed while the log was away is known when it is back", async () => {
  await using own = await startNats()
  const layer = (url: string) =>
    Vault.layer(ring).pipe(
      Layer.provide(Layer.effectDiscard(ensureVault)),
      Layer.provide(Nats.layer(url)),
      Layer.provide(Health.layer),
    )
  const one = ManagedRuntime.make(layer(own.url))
  const a = await one.runPromise(Vault)
  await one.runPromise(a.write(secret("KEPT"), "kept"))
  await own.kill()
  await own.restart()
  const other = ManagedRuntime.make(layer(own.url))
  const b = await other.runPromise(Vault)
  expect(b.get(secret("KEPT"))).toEqual(Result.succeed("kept"))
  await other.runPromise(b.write(secret("KEPT"), "changed"))
  await until(a, () => Result.getOrUndefined(a.get(secret("KEPT"))) === "changed")
  await one.dispose()
  await other.dispose()
})

test("a rotation loses nothing that is written meanwhile, keeps ends, and tells what it cannot open", async () => {
  const [fresh, lost] = [createSecretKey(randomBytes(32)), createSecretKey(randomBytes(32))]
  await using own = await startNats()
  const at = (of: KeyRing) =>
    ManagedRuntime.make(
      Vault.layer(of).pipe(
        Layer.provide(Layer.effectDiscard(ensureVault)),
        Layer.provideMerge(Nats.layer(own.url)),
        Layer.provide(Health.layer),
      ),
    )
  const [before, strange, after] = [at(ring), at(makeKeyRing([lost])), at(makeKeyRing([fresh, key]))]
  const [a, b, c] = [await before.runPromise(Vault), await strange.runPromise(Vault), await after.runPromise(Vault)]
  const names = Array.from({ length: 200 }, (_, i) => `R_${i}`)
  await before.runPromise(Effect.forEach(names, (name) => a.write(secret(name), `${name} before`), { concurrency: 20 }))
  await before.runPromise(a.write({ kind: "refreshing", workspace: "acme", name: "crm" }, "held", { ttlMs: 600_000 }))
  await strange.runPromise(b.write(secret("STRANGE", "globex"), "of another ring"))
  const writes = Effect.forEach(names, (name) => a.write(secret(name), `${name} after`), { concurrency: 20 })
  const [rotated] = await Promise.all([
    after.runPromise(rotate(makeKeyRing([fresh, key]), () => {})),
    before.runPromise(writes),
  ])
  expect(rotated.unopened).toMatchObject([{ place: secret("STRANGE", "globex"), key: keyId(lost) }])
  const again = await after.runPromise(rotate(makeKeyRing([fresh, key]), () => {}))
  expect(again.unused).toEqual([keyId(key)])
  for (const name of names) {
    expect(await after.runPromise(c.read(secret(name)))).toMatchObject({ text: `${name} after` })
  }
  const keys = new Set((await after.runPromise(c.list("*"))).map((one) => one.key))
  expect(keys).toEqual(new Set([keyId(fresh), keyId(lost)]))
  const nc = await connect({ servers: own.url })
  const jsm = await jetstreamManager(nc)
  const held = await jsm.direct.getMessage("KV_MESHES_VAULT", { last_by_subj: "$KV.MESHES_VAULT.refreshing.acme.crm" })
  expect(Number.parseInt(held!.header.get("Nats-TTL"))).toBeGreaterThan(500)
  await nc.close()
  for (const one of [before, strange, after]) await one.dispose()
})
