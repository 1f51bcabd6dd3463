/**
 * Settings stay the same object until a secret of their workspace becomes another, and what is missing is looked for anew.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import { expect, test } from "vitest"
import type { ConnectionPlan } from "../../../src/config/plan.ts"
import { secret } from "../../../src/index.ts"
import { SettingsResolver } from "../../../src/secrets/settings-resolver.ts"
import { Vault, type Place } from "../../../src/secrets/vault.ts"

const connection = (workspace: string, settings: unknown) => ({ workspace, settings }) as unknown as ConnectionPlan

const resolverOver = (env: NodeJS.ProcessEnv) => {
  const values = new Map<string, Result.Result<string, string>>()
  const listeners = new Set<(place: Place) => void>()
  const vault = Layer.succeed(Vault, {
    get: ({ workspace, name }: Place) => values.get(`${workspace}/${name}`) ?? Result.succeed(undefined),
    listen: (listener: (place: Place) => void) => {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
  } as unknown as Vault["Service"])
  const change = (
    workspace: string,
    name: string,
    value: Result.Result<string, string> | undefined,
    kind = "secret",
  ) => {
    if (value === undefined) values.delete(`${workspace}/${name}`)
    else values.set(`${workspace}/${name}`, value)
    for (const listener of listeners) listener({ kind: kind as Place["kind"], workspace, name })
  }
  return { change, layer: SettingsResolver.layer(env).pipe(Layer.provide(vault)) }
}

const using = <A>(
  env: NodeJS.ProcessEnv,
  use: (resolve: SettingsResolver["Service"]["resolve"], change: ReturnType<typeof resolverOver>["change"]) => A,
): A => {
  const { layer, change } = resolverOver(env)
  return Effect.runSync(
    Effect.map(SettingsResolver, ({ resolve }) => use(resolve, change)).pipe(Effect.provide(layer), Effect.scoped),
  )
}

const set = (text: string) => Result.succeed(text)

test("settings are the same object until a secret of the workspace becomes another", () =>
  using({ SHARED: "of the environment" }, (resolve, change) => {
    const crm = connection("acme", { token: secret("TOKEN"), shared: secret("SHARED") })
    const other = connection("globex", { token: secret("TOKEN") })
    change("acme", "TOKEN", set("one"))
    change("globex", "TOKEN", set("another"))
    const [first, others] = [resolve(crm), resolve(other)]
    expect(first).toEqual(Result.succeed({ token: "one", shared: "of the environment" }))
    expect(resolve(crm)).toBe(first)
    // Changes that change nothing of it: another workspace, another kind, another name, the same value sealed anew.
    change("globex", "TOKEN", set("yet another"))
    change("acme", "TOKEN", set("one"), "token")
    change("acme", "UNUSED", set("x"))
    change("acme", "TOKEN", set("one"))
    expect(resolve(crm)).toBe(first)
    change("acme", "TOKEN", set("two"))
    expect(resolve(crm)).toEqual(Result.succeed({ token: "two", shared: "of the environment" }))
    expect(resolve(crm)).toBe(resolve(crm))
    change("acme", "SHARED", set("of the vault"))
    expect(resolve(crm)).toEqual(Result.succeed({ token: "two", shared: "of the vault" }))
    expect(others).toEqual(Result.succeed({ token: "another" }))
    expect(resolve(other)).toEqual(Result.succeed({ token: "yet another" }))
  }))

test("what is missing is told by name, and looked for anew each time", () => {
  const env: NodeJS.ProcessEnv = {}
  using(env, (resolve, change) => {
    const crm = connection("acme", { token: secret("TOKEN") })
    const missing = resolve(crm)
    expect(Result.isFailure(missing) && missing.failure).toContain("meshes secrets set acme TOKEN")
    env["TOKEN"] = "came later"
    expect(resolve(crm)).toEqual(Result.succeed({ token: "came later" }))
    // What is sealed and does not open is not what the environment has.
    change("acme", "TOKEN", Result.fail("sealed under another key"))
    expect(resolve(crm)).toEqual(Result.fail("sealed under another key"))
  })
})
