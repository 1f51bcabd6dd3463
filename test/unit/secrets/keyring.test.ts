/**
 * What is sealed opens at its own place, under its own key, and nowhere else; settings and errors never repeat a key.
 */
import { createSecretKey, randomBytes } from "node:crypto"
import { inspect } from "node:util"
import * as Result from "effect/Result"
import { expect, test } from "vitest"
import { loadSettings } from "../../../src/config/settings.ts"
import type { Place } from "../../../src/model/vault-place.ts"
import { generateSecretKey, keyId, keyIdOf, makeKeyRing } from "../../../src/secrets/keyring.ts"

const key = () => createSecretKey(randomBytes(32))
const place: Place = { kind: "secret", workspace: "acme", name: "CRM_KEY" }
const value = "a value that nobody else may see"

test("what is sealed opens at its place, and twice the same is sealed differently", () => {
  const ring = makeKeyRing([key()])
  const sealed = ring.seal(place, value, 0)
  expect(ring.open(place, sealed, 0)).toEqual(Result.succeed(value))
  expect(ring.seal(place, value, 0)).not.toEqual(sealed)
  expect(Buffer.from(sealed).includes(value)).toBe(false)
  expect(ring.open(place, ring.seal(place, "", 0), 0)).toEqual(Result.succeed(""))
})

test("a record that is moved to another name, workspace, kind or end does not open", () => {
  const ring = makeKeyRing([key()])
  const sealed = ring.seal(place, value, 0)
  for (const elsewhere of [
    { ...place, name: "CRM_KEY2" },
    { ...place, workspace: "globex" },
    { ...place, kind: "token" },
    // The parts are apart from each other, whatever is in them.
    { ...place, workspace: 'acme","CRM_KEY', name: "" },
  ] satisfies ReadonlyArray<Place>) {
    const opened = ring.open(elsewhere, sealed, 0)
    expect(Result.isFailure(opened) && opened.failure).toContain("does not open")
  }
  expect(Result.isFailure(ring.open(place, sealed, 1))).toBe(true)
})

test("a record of which any byte was changed does not open, and the error does not say what is in it", () => {
  const ring = makeKeyRing([key()])
  const sealed = ring.seal(place, value, 0)
  for (let i = 0; i < sealed.length; i++) {
    const changed = Buffer.from(sealed)
    changed[i]! ^= 1
    const opened = ring.open(place, changed, 0)
    expect(Result.isFailure(opened)).toBe(true)
    expect(JSON.stringify(opened)).not.toContain("nobody")
  }
  expect(Result.isFailure(ring.open(place, sealed.subarray(0, 20), 0))).toBe(true)
})

test("a ring seals under its newest key, opens what older ones sealed, and says which key is missing", () => {
  const [old, fresh] = [key(), key()]
  const before = makeKeyRing([old]).seal(place, value, 0)
  const both = makeKeyRing([fresh, old])
  expect(both.open(place, before, 0)).toEqual(Result.succeed(value))
  const after = both.seal(place, value, 0)
  expect([keyIdOf(before), keyIdOf(after)]).toEqual([keyId(old), keyId(fresh)])
  const opened = makeKeyRing([fresh]).open(place, before, 0)
  expect(Result.isFailure(opened) && opened.failure).toContain(`sealed under the key ${keyId(old)}`)
})

test("keys are read in base64 and hex, apart by commas or lines, and are never shown", () => {
  const [a, b] = [generateSecretKey(), randomBytes(32).toString("hex")]
  for (const text of [`${a},${b}`, `${a}\n${b}\n`, `${a}, ${b}`]) {
    const settings = Result.getOrThrow(loadSettings({ MESHES_SECRET_KEYS: text }))
    expect(settings.secretKeys.length).toBe(2)
    expect(settings.secretKeys[0]!.export().toString("base64")).toBe(a)
    expect(settings.secretKeys[1]!.export().toString("hex")).toBe(b)
    const printed = `${inspect(settings, { depth: 9 })}${JSON.stringify(settings)}`
    for (const one of [a, b, a.slice(0, 20)]) expect(printed).not.toContain(one)
  }
  expect(Result.getOrThrow(loadSettings({})).secretKeys).toEqual([])
})

test("what is no key is refused by its number, and not repeated", () => {
  const a = generateSecretKey()
  const refused = (text: string) => {
    const settings = loadSettings({ MESHES_SECRET_KEYS: text })
    return Result.isFailure(settings) ? settings.failure.message : ""
  }
  for (const wrong of [
    "short",
    randomBytes(31).toString("base64"),
    `${randomBytes(32).toString("hex")}ab`,
    "%".repeat(44),
  ]) {
    expect(refused(`${a},${wrong}`)).toContain("key 2 is not 32 bytes")
    expect(refused(`${a},${wrong}`)).not.toContain(wrong)
  }
  expect(refused(`${a},${a}`)).toContain("key 2 is the same as key 1")
  expect(refused(`${a},${a}`)).not.toContain(a)
})
