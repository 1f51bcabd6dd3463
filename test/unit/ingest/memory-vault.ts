/**
 * A vault that is kept in memory.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import { Unusable } from "../../../src/model/errors.ts"
import { Vault, type Place } from "../../../src/secrets/vault.ts"

/** `values` by `<kind>/<workspace>/<name>`. */
export const makeMemoryVault = () => {
  const values = new Map<string, string>()
  /** Whether it can be written: without a key ring it cannot. */
  const ring = { configured: true }
  const nameOf = ({ kind, workspace, name }: Place) => `${kind}/${workspace}/${name}`
  const placeOf = (name: string): Place => {
    const [kind, workspace, rest] = name.split("/")
    return { kind: kind as Place["kind"], workspace: workspace!, name: rest! }
  }
  const layer = Layer.succeed(Vault, {
    get: (place) => Result.succeed(values.get(nameOf(place))),
    read: (place) =>
      Effect.sync(() => {
        const text = values.get(nameOf(place))
        return text === undefined ? undefined : { text, revision: 1 }
      }),
    write: (place, text, { first = Effect.void } = {}) =>
      ring.configured
        ? Effect.andThen(
            first,
            Effect.sync(() => values.set(nameOf(place), text).size),
          )
        : Effect.fail(new Unusable({ message: "no key ring is configured: set MESHES_SECRET_KEYS" })),
    remove: (place) => Effect.sync(() => void values.delete(nameOf(place))),
    list: (kind, workspace) =>
      Effect.sync(() =>
        [...values.keys()]
          .map(placeOf)
          .filter((place) => place.kind === kind && (workspace === undefined || place.workspace === workspace))
          .map((place) => ({ place, at: 0, key: "00000000" })),
      ),
    listen: () => () => {},
  })
  return { values, ring, layer }
}
