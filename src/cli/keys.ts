/**
 * `meshes keys create | ls | revoke | link`: API keys that are made while runtimes run, and links by which members sign in. A key or a link is
 * shown once, when it is made.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import { checkNewKey, issueKey, noRoom } from "../accounts/issue.ts"
import { offerLink } from "../accounts/sessions.ts"
import { hint } from "../config/check-shape.ts"
import { parseDuration } from "../config/duration.ts"
import type { Plan } from "../config/plan.ts"
import type { Settings } from "../config/settings.ts"
import { ensureTopology } from "../log/ensure.ts"
import { KeyRecords } from "../log/issued-keys.ts"
import { logTime } from "../log/log-time.ts"
import { SessionRecords } from "../log/sessions.ts"
import { formatPath, Unusable } from "../model/errors.ts"
import { scopes, shownKey, type ListedKey } from "../model/key.ts"
import { logLayer, planOf, settingsOf, shared, withLog } from "./context.ts"
import { AnswerIsNo, bad, good, note, paint, print, printJson, showTime, table, WrongUse } from "./output.ts"
import { findRunning } from "./running.ts"
import { whoseCommand } from "./who.ts"

const begin = Effect.gen(function* () {
  const { config, json } = yield* shared
  return { json, settings: yield* settingsOf({ config }) }
})

const withKeys = <A, E, R>(settings: Settings, json: boolean, use: Effect.Effect<A, E, R>) =>
  withLog(settings, Effect.andThen(ensureTopology, use).pipe(Effect.provide(KeyRecords.layer))).pipe(
    Effect.provide(logLayer(settings.logLevel, json)),
  )

/** What the terms are called here. */
const flagNames = { expires: "expires", origins: "origin", types: "event-type" } as const

const many = (name: string, description: string) =>
  Flag.String(name).pipe(Flag.atLeast(0), Flag.withDescription(`${description}; may be repeated`))

const create = Command.make(
  "create",
  {
    name: Argument.String("name").pipe(Argument.withDescription("For people and the audit: what the key is for")),
    scope: many("scope", scopes.join(", ")),
    workspace: many("workspace", "Where it is good; default everywhere").pipe(Flag.withAlias("w")),
    expires: Flag.String("expires").pipe(
      Flag.optional,
      Flag.withDescription('When it ends: "90 days", or a time such as 2027-01-31T09:30:00Z; default never'),
    ),
    publishable: Flag.Boolean("publishable").pipe(
      Flag.withDefault(false),
      Flag.withDescription("For pages and apps, where anybody can see it: it may only publish"),
    ),
    origin: many("origin", "Whose pages may publish with a publishable key, or *; default none"),
    eventType: many("event-type", "What it may publish, as a type or a pattern; default everything"),
  },
  Effect.fn(function* ({ name, scope, workspace, expires, publishable, origin, eventType }) {
    const { json, settings } = yield* begin
    const plan = yield* planOf(settings)
    const given = (field: string, values: ReadonlyArray<string>) => (values.length === 0 ? {} : { [field]: values })
    const asked = checkNewKey(
      {
        name,
        publishable,
        ...given("scopes", scope),
        ...given("workspaces", workspace),
        ...given(flagNames.origins, origin),
        ...given(flagNames.types, eventType),
        ...(Option.isNone(expires) ? {} : { [flagNames.expires]: timeOf(expires.value) }),
      },
      flagNames,
    )
    if (Result.isFailure(asked)) {
      const lines = asked.failure.map(({ path, message }) => `${formatPath(path)}: ${message}`)
      return yield* new WrongUse({ message: lines.join("\n  ") })
    }
    const missing = workspace.find((id) => !plan.workspaces.has(id))
    if (missing !== undefined) {
      const message = `there is no workspace "${missing}"${hint(missing, [...plan.workspaces.keys()])}`
      return yield* new WrongUse({ message })
    }
    const { key, record } = yield* withKeys(
      settings,
      json,
      Effect.gen(function* () {
        const records = yield* KeyRecords
        const full = noRoom(yield* records.list, workspace)
        if (full !== undefined) return yield* new Unusable({ message: full })
        const who = whoseCommand()
        const issued = issueKey(asked.success, who.by)
        yield* records.create(issued.record, who)
        return issued
      }),
    )
    if (json) return printJson({ ...shownKey({ key: record }), key })
    print(key)
    good(`key "${name}" (${record.id}) is made: ${termsOf({ key: record }).join(", ")}`)
    note("  it is not shown again: only its hash is kept. Runtimes take it from now on")
    if (publishable && origin.length === 0) note("  no page may publish with it: name origins with --origin")
  }),
).pipe(
  Command.withDescription("Make an API key; it is shown once, on standard output"),
  Command.withExamples([
    { command: "meshes keys create site --scope publish --workspace acme-prod", description: "For a server" },
    {
      command: 'meshes keys create support --scope read -w acme-prod --expires "90 days"',
      description: "To look, for a while",
    },
    {
      command:
        "meshes keys create web --publishable -w acme-prod --origin https://www.acme.example --event-type 'page.*'",
      description: "For a page",
    },
  ]),
)

/** A duration from now as a time; anything else as it is, to be checked. */
const timeOf = (text: string): string => {
  const ms = parseDuration(text)
  return ms === undefined ? text : new Date(Date.now() + ms).toISOString()
}

/** What a key may do, in words. */
const termsOf = ({ key }: ListedKey): ReadonlyArray<string> => [
  key.publishable ? "publishable" : key.scopes.join("+"),
  key.workspaces === undefined ? "everywhere" : `in ${key.workspaces.join(" ")}`,
  ...(key.eventTypes === undefined ? [] : [`events ${key.eventTypes.join(" ")}`]),
  ...(key.allowedOrigins === undefined ? [] : [`pages of ${key.allowedOrigins.join(" ")}`]),
  ...(key.expires === undefined ? [] : [`until ${showTime(key.expires)}`]),
]

const ls = Command.make(
  "ls",
  { workspace: Flag.String("workspace").pipe(Flag.withAlias("w"), Flag.optional) },
  Effect.fn(function* ({ workspace }) {
    const { json, settings } = yield* begin
    const all = yield* withKeys(
      settings,
      json,
      Effect.flatMap(KeyRecords, ({ list }) => list),
    )
    const keys = all.filter(({ key }) => Option.isNone(workspace) || key.workspaces?.includes(workspace.value) === true)
    if (json) return printJson({ count: keys.length, records: keys.map(shownKey) })
    if (keys.length === 0) return note("no key was made here; those of the config and the environment are not listed")
    for (const line of table(
      keys.map(({ key, used }) => [
        key.id,
        key.name,
        `${key.prefix}…`,
        termsOf({ key }).join(", "),
        key.expires !== undefined && key.expires <= logTime() ? paint.red("expired") : "",
        used === undefined ? "" : `used ${showTime(used)}`,
        `made ${showTime(key.created)} by ${key.by}`,
      ]),
    ))
      print(line)
  }),
).pipe(Command.withDescription("List the keys that were made here: what they may do, never the keys"))

const revoke = Command.make(
  "revoke",
  { id: Argument.String("id").pipe(Argument.withDescription("As `ls` shows it: key_…")) },
  Effect.fn(function* ({ id }) {
    const { json, settings } = yield* begin
    const { found, keys } = yield* withKeys(
      settings,
      json,
      Effect.gen(function* () {
        const records = yield* KeyRecords
        const keys = yield* records.list
        const found = keys.find(({ key }) => key.id === id)
        if (found !== undefined) yield* records.revoke(found.key, whoseCommand())
        return { found, keys }
      }),
    )
    if (found === undefined) {
      const named = keys.filter(({ key }) => key.name === id).map(({ key }) => key.id)
      const meant = named.length > 0 ? `; of that name: ${named.join(", ")}` : ""
      bad(`there is no key of the id "${id}" among those that were made here${meant}`)
      return yield* new AnswerIsNo()
    }
    if (json) return printJson({ id, name: found.key.name, revoked: true })
    good(`key "${found.key.name}" (${id}) is revoked: runtimes refuse it from now on`)
  }),
).pipe(Command.withDescription("Revoke a key: every runtime refuses it within a moment"))

const link = Command.make(
  "link",
  {
    email: Argument.String("email").pipe(Argument.withDescription("Of a member of an account, as the config has it")),
    account: Flag.String("account").pipe(
      Flag.optional,
      Flag.withDescription("Which account, where the same person is a member of several"),
    ),
  },
  Effect.fn(function* ({ email, account }) {
    const { json, settings } = yield* begin
    const plan = yield* planOf(settings)
    const member = yield* Effect.fromResult(findMember(plan, email, Option.getOrUndefined(account)))
    const made = yield* withLog(
      settings,
      Effect.andThen(ensureTopology, offerLink(member, whoseCommand())).pipe(Effect.provide(SessionRecords.layer)),
    ).pipe(Effect.provide(logLayer(settings.logLevel, json)))
    const running = yield* Effect.promise(() => findRunning(settings.dataDir))
    const address = settings.publicUrl ?? running?.http ?? `http://127.0.0.1:${settings.port}`
    const url = `${address}/sign-in#link=${made.link}`
    const { role } = member
    if (json) {
      const expires_at = new Date(made.ends).toISOString()
      return printJson({ email: member.email, account: member.account, role, link: url, expires_at })
    }
    print(url)
    good(`${member.email} (${role} of ${member.account}) signs in by it once, until ${showTime(made.ends)}`)
    note("  whoever opens it first is let in: send it to nobody else")
  }),
).pipe(
  Command.withDescription(
    "Make a link by which a member signs in to the dashboard, once; it is shown on standard output",
  ),
  Command.withExamples([
    { command: "meshes keys link ada@acme.example", description: "For a person, instead of a key" },
  ]),
)

const findMember = (plan: Plan, email: string, account: string | undefined) => {
  const accounts = [...(plan.accounts?.values() ?? [])]
  if (account !== undefined && !accounts.some(({ id }) => id === account)) {
    const message = `there is no account "${account}"${hint(
      account,
      accounts.map(({ id }) => id),
    )}`
    return Result.fail(new WrongUse({ message }))
  }
  const members = accounts
    .filter(({ id }) => account === undefined || id === account)
    .flatMap(({ id, workspaces, members }) => members.map((member) => ({ ...member, account: id, workspaces })))
  const [found, ...more] = members.filter((member) => member.email.toLowerCase() === email.toLowerCase())
  if (found === undefined) {
    const where = account === undefined ? "of an account" : `of the account "${account}"`
    const known = [...new Set(members.map((member) => member.email))]
    return Result.fail(new WrongUse({ message: `"${email}" is no member ${where} in the config${hint(email, known)}` }))
  }
  if (more.length === 0) return Result.succeed(found)
  const names = [found, ...more].map((member) => member.account).join(", ")
  return Result.fail(new WrongUse({ message: `"${email}" is a member of ${names}: say which with --account` }))
}

export const keys = Command.make("keys").pipe(
  Command.withDescription("API keys, made, listed and revoked while runtimes run; and links by which members sign in"),
  Command.withSubcommands([create, ls, revoke, link]),
)
