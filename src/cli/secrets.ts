/**
 * `meshes secrets key | set | ls | rm | rotate`: what workspaces keep in the vault. A value goes in and is never shown again.
 */
import { isUtf8 } from "node:buffer"
import { createSecretKey } from "node:crypto"
import { readFile } from "node:fs/promises"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Prompt from "effect/cli/Prompt"
import { hint } from "../config/check-shape.ts"
import { limits } from "../config/defaults.ts"
import type { Plan, WorkspacePlan } from "../config/plan.ts"
import { secretNamesIn } from "../config/secrets.ts"
import type { Settings } from "../config/settings.ts"
import { maskedCharactersMin } from "../deliver/mask.ts"
import { actOn } from "../ingest/secrets.ts"
import { Audit } from "../log/audit.ts"
import { ensureVault } from "../log/ensure.ts"
import { Unusable } from "../model/errors.ts"
import { secretNamePattern } from "../model/secret-ref.ts"
import { placeName, type Place } from "../model/vault-place.ts"
import { generateSecretKey, keyId } from "../secrets/keyring.ts"
import { rotate as rotateVault } from "../secrets/rotate.ts"
import { keyRingOf, VaultRecords } from "../secrets/vault.ts"
import { logLayer, planOf, settingsOf, shared, withLog } from "./context.ts"
import {
  AnswerIsNo,
  bad,
  good,
  note,
  print,
  printJson,
  showTime,
  startProgress,
  table,
  warn,
  WrongUse,
} from "./output.ts"
import { whoseCommand } from "./who.ts"

/** The settings, and the ring that nothing here works without. */
const begin = Effect.gen(function* () {
  const { config, json } = yield* shared
  const settings = yield* settingsOf({ config })
  const ring = keyRingOf(settings.secretKeys)
  if (ring === undefined) {
    return yield* new Unusable({
      message:
        "no key ring is configured, so there is no vault: make a key with `meshes secrets key`, and set MESHES_SECRET_KEYS " +
        "(or MESHES_SECRET_KEYS_FILE) to it for every process",
    })
  }
  return { json, settings, ring }
})

const withVault = <A, E, R>(settings: Settings, json: boolean, use: Effect.Effect<A, E, R>) =>
  withLog(
    settings,
    Effect.andThen(ensureVault, use).pipe(Effect.provide(VaultRecords.layer(keyRingOf(settings.secretKeys)))),
  ).pipe(Effect.provide(logLayer(settings.logLevel, json)))

const workspaceOf = (plan: Plan, id: string) => {
  const found = plan.workspaces.get(id)
  return found === undefined
    ? new WrongUse({ message: `there is no workspace "${id}"${hint(id, [...plan.workspaces.keys()])}` })
    : Effect.succeed(found)
}

/** The connections of a workspace, by the secrets that they use. */
const usesOf = (workspace: WorkspacePlan | undefined): ReadonlyMap<string, ReadonlyArray<string>> => {
  const uses = new Map<string, Array<string>>()
  for (const { id, settings } of workspace?.connections.values() ?? []) {
    for (const name of secretNamesIn(settings)) uses.set(name, [...(uses.get(name) ?? []), id])
  }
  return uses
}

const secretAt = (workspace: string, name: string): Place => ({ kind: "secret", workspace, name })

const key = Command.make(
  "key",
  {},
  Effect.fn(function* () {
    const { json } = yield* shared
    const made = generateSecretKey()
    const id = keyId(createSecretKey(made, "base64"))
    if (json) return printJson({ id, key: made })
    print(made)
    note(`its id is ${id}. Put it into MESHES_SECRET_KEYS, the newest first, and keep a copy elsewhere:`)
    note("what is sealed under a key that is lost is lost with it")
  }),
).pipe(Command.withDescription("Make a key for the vault's key ring (MESHES_SECRET_KEYS)"))

const target = { workspace: Argument.String("workspace"), name: Argument.String("NAME") }

const set = Command.make(
  "set",
  {
    ...target,
    value: Argument.String("value").pipe(
      Argument.variadic(),
      Argument.withDescription("Never here, where others can read it: on standard input, or in a file"),
    ),
    fromFile: Flag.String("from-file").pipe(
      Flag.optional,
      Flag.withDescription("Take the value from this file; its last line end does not belong to it"),
    ),
  },
  Effect.fn(function* ({ workspace: id, name, value: given, fromFile }) {
    const { json, settings, ring } = yield* begin
    // Taken as an argument only to be refused without being repeated.
    if (given.length > 0) {
      return yield* new WrongUse({
        message: "a value on the command line can be read by others: pipe it into the command, or use --from-file",
      })
    }
    const workspace = yield* workspaceOf(yield* planOf(settings), id)
    if (!secretNamePattern.test(name)) {
      const message = `"${name}" is no name of a secret: letters, digits and _, not beginning with a digit, at most 128`
      return yield* new WrongUse({ message })
    }
    const value = yield* readValue(name, fromFile)
    const [key] = ring.ids
    yield* withVault(
      settings,
      json,
      Effect.gen(function* () {
        const place = secretAt(id, name)
        const first = (yield* Audit).write(whoseCommand(), actOn("secret.set", place))
        yield* (yield* VaultRecords).write(place, value, { first })
      }),
    )
    const uses = usesOf(workspace)
    const usedBy = uses.get(name) ?? []
    if (json) return printJson({ workspace: id, name, key, used_by: usedBy })
    good(`secret "${name}" of workspace "${id}" is set, sealed under the key ${key}; runtimes use it from now on`)
    if (usedBy.length === 0) warn(`no connection of "${id}" uses it${hint(name, [...uses.keys()])}`)
    if (value.length < maskedCharactersMin) {
      warn(`it has fewer than ${maskedCharactersMin} characters: it is not masked where a destination repeats it`)
    }
  }),
).pipe(
  Command.withDescription(
    "Set a secret of a workspace; the value comes from standard input, a file, or a hidden prompt",
  ),
  Command.withExamples([
    { command: "meshes secrets set acme-prod CRM_KEY < key.txt", description: "From a file or a pipe" },
    { command: "meshes secrets set acme-prod CRM_KEY", description: "On a terminal: asks, and shows nothing" },
  ]),
)

const readValue = Effect.fnUntraced(function* (name: string, fromFile: Option.Option<string>) {
  if (Option.isNone(fromFile) && process.stdin.isTTY === true) {
    const typed = yield* Prompt.Hidden({ message: `The value of ${name} (it is not shown)` }).pipe(
      Effect.mapError(() => new WrongUse({ message: "nothing was set" })),
    )
    return yield* checkValue(name, Redacted.value(typed))
  }
  const bytes = yield* Effect.tryPromise({
    try: () => (Option.isSome(fromFile) ? readFile(fromFile.value) : readInput()),
    // Never what was read of it.
    catch: (cause) =>
      new WrongUse({
        message: `${Option.getOrElse(fromFile, () => "standard input")} cannot be read (${(cause as NodeJS.ErrnoException).code ?? "unknown"})`,
      }),
  })
  if (!isUtf8(bytes)) {
    return yield* new WrongUse({ message: "the value is no text in UTF-8: encode bytes, in base64 for instance" })
  }
  return yield* checkValue(name, bytes.toString().replace(/\r?\n$/, ""))
})

const readInput = async (): Promise<Buffer> => {
  const chunks: Array<Buffer> = []
  let bytes = 0
  for await (const chunk of process.stdin) {
    chunks.push(chunk as Buffer)
    // Enough to know that it is too much.
    if ((bytes += (chunk as Buffer).length) > 2 * limits.secretBytes) break
  }
  return Buffer.concat(chunks)
}

const checkValue = (name: string, value: string) => {
  const bytes = Buffer.byteLength(value)
  const problem =
    bytes === 0
      ? "is empty"
      : bytes > limits.secretBytes
        ? `has more than the ${limits.secretBytes} bytes that are kept of a secret`
        : undefined
  return problem === undefined
    ? Effect.succeed(value)
    : new WrongUse({ message: `the value of ${name} ${problem}; nothing was set` })
}

const ls = Command.make(
  "ls",
  { workspace: Flag.String("workspace").pipe(Flag.withAlias("w"), Flag.optional) },
  Effect.fn(function* ({ workspace }) {
    const { json, settings } = yield* begin
    const plan = yield* planOf(settings)
    const records = yield* withVault(
      settings,
      json,
      Effect.flatMap(VaultRecords, (vault) => vault.list("secret", Option.getOrUndefined(workspace))),
    )
    if (records.length === 0 && Option.isSome(workspace)) yield* workspaceOf(plan, workspace.value)
    const uses = new Map<string, ReturnType<typeof usesOf>>()
    const lines = records.map(({ place, at, key }) => {
      const used = uses.get(place.workspace) ?? usesOf(plan.workspaces.get(place.workspace))
      uses.set(place.workspace, used)
      return { workspace: place.workspace, name: place.name, at, key, usedBy: used.get(place.name) ?? [] }
    })
    if (json) {
      return printJson({
        count: lines.length,
        records: lines.map(({ at, usedBy, ...rest }) => ({ ...rest, at: new Date(at).toISOString(), used_by: usedBy })),
      })
    }
    if (lines.length === 0) return note("no secret is set in the vault")
    const rows = lines
      .toSorted((a, b) => a.workspace.localeCompare(b.workspace) || a.name.localeCompare(b.name))
      .map(({ workspace, name, at, key, usedBy }) => [
        workspace,
        name,
        `set ${showTime(at)}`,
        `key ${key}`,
        usedBy.length === 0 ? "used by no connection" : `used by ${usedBy.join(", ")}`,
      ])
    for (const line of table(rows)) print(line)
  }),
).pipe(Command.withDescription("List the secrets that are set: names, never values"))

const rm = Command.make(
  "rm",
  target,
  Effect.fn(function* ({ workspace: id, name }) {
    const { json, settings } = yield* begin
    const plan = yield* planOf(settings)
    const place = secretAt(id, name)
    const { there, known } = yield* withVault(
      settings,
      json,
      Effect.gen(function* () {
        const vault = yield* VaultRecords
        const records = yield* vault.list("secret", id)
        const there = records.some((record) => record.place.name === name)
        if (there) {
          yield* (yield* Audit).write(whoseCommand(), actOn("secret.removed", place))
          yield* vault.remove(place)
        }
        return { there, known: records.map((record) => record.place.name) }
      }),
    )
    if (!there) {
      // A workspace that is no longer in the config may still have secrets, to be removed.
      if (known.length === 0) yield* workspaceOf(plan, id)
      bad(`${placeName(place)} is not set${hint(name, known)}`)
      return yield* new AnswerIsNo()
    }
    const usedBy = usesOf(plan.workspaces.get(id)).get(name) ?? []
    if (json) return printJson({ workspace: id, name, removed: true, used_by: usedBy })
    good(`${placeName(place)} is removed`)
    if (usedBy.length > 0) {
      warn(
        `${usedBy.join(", ")} ${usedBy.length === 1 ? "uses" : "use"} it: from now on the environment's ${name}, ` +
          "and without one the next delivery pauses the connection",
      )
    }
  }),
).pipe(Command.withDescription("Remove a secret of a workspace"))

const rotate = Command.make(
  "rotate",
  {},
  Effect.fn(function* () {
    const { json, settings, ring } = yield* begin
    const progress = startProgress()
    const rotated = yield* withVault(
      settings,
      json,
      rotateVault(ring, (done, total) => {
        if (done % progressEvery === 0) progress.say(`${done} of ${total} records`)
      }),
    ).pipe(Effect.ensuring(Effect.sync(() => progress.stop())))
    const { key, resealed, kept, unopened, unused } = rotated
    if (json) {
      const failed = unopened.map(({ place, key, reason }) => ({ ...place, key, reason }))
      printJson({ key, resealed, kept, failed, unused_keys: unused })
    } else {
      good(
        `${resealed} ${resealed === 1 ? "record" : "records"} sealed under the key ${key}, ${kept} kept as they were`,
      )
      for (const { reason } of unopened.slice(0, limits.issuesShown)) bad(reason)
      if (unopened.length > limits.issuesShown) bad(`… and ${unopened.length - limits.issuesShown} more`)
      if (unused.length > 0) {
        note(`no record needs ${unused.join(", ")} any more: take it out of MESHES_SECRET_KEYS of every process`)
      }
    }
    if (unopened.length > 0) return yield* new AnswerIsNo()
  }),
).pipe(
  Command.withDescription("Seal everything in the vault under the newest key, while runtimes run"),
  Command.withExamples([
    { command: "meshes secrets rotate", description: "After MESHES_SECRET_KEYS=new,old is set everywhere" },
  ]),
)

const progressEvery = 1000

export const secrets = Command.make("secrets").pipe(
  Command.withDescription("What workspaces keep in the vault: set, never shown again"),
  Command.withSubcommands([key, set, ls, rm, rotate]),
)
