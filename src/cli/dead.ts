/**
 * `meshes dead ls | retry`: deliveries that were given up, and sending them again once what was wrong is mended.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import { limits } from "../config/defaults.ts"
import { Audit, type Act } from "../log/audit.ts"
import { LogReader } from "../log/reader.ts"
import { streams, subjects } from "../log/topology.ts"
import { decodeDelivery, type Delivery } from "../model/delivery.ts"
import { logLayer, settingsOf, shared, withLog } from "./context.ts"
import { manyFlags, namesMany, operateOn } from "./operations.ts"
import { AnswerIsNo, bad, good, note, print, printJson, showTime, startProgress, table, WrongUse } from "./output.ts"
import { whoseCommand } from "./who.ts"

interface Letter {
  readonly subject: string
  readonly time: number
  readonly delivery: Delivery
}

const filterFlags = {
  workspace: Flag.String("workspace").pipe(Flag.withAlias("w"), Flag.optional),
  connection: Flag.String("connection").pipe(Flag.optional),
}

/** Dead letters, the oldest first. */
const letters = (workspace: Option.Option<string>, connection: Option.Option<string>, id = "*") =>
  Effect.map(LogReader, (reader) =>
    reader
      .scan(streams.dead, {
        subject: subjects.dead(
          Option.getOrElse(workspace, () => "*"),
          Option.getOrElse(connection, () => "*"),
          id,
        ),
      })
      .pipe(
        Stream.map((message): Letter | undefined => {
          const decoded = decodeDelivery(message.data)
          return decoded === undefined
            ? undefined
            : { subject: message.subject, time: message.time, delivery: decoded.delivery }
        }),
        Stream.filter((letter) => letter !== undefined),
      ),
  ).pipe(Stream.unwrap)

const ls = Command.make(
  "ls",
  {
    ...filterFlags,
    limit: Flag.Int("limit").pipe(
      Flag.withDefault(limits.linesListed),
      Flag.withDescription("The first so many; default 50"),
    ),
  },
  Effect.fn(function* ({ workspace, connection, limit }) {
    const { config, json } = yield* shared
    const settings = yield* settingsOf({ config })
    const found = yield* withLog(
      settings,
      Stream.runCollect(Stream.take(letters(workspace, connection), Math.max(1, limit))),
    ).pipe(Effect.provide(logLayer(settings.logLevel, json)))
    if (json)
      return printJson({
        count: found.length,
        records: found.map(({ delivery, time }) => ({ ...delivery, died: time })),
      })
    if (found.length === 0) return note("no dead letters")
    for (const line of table(
      found.map(({ delivery, time }) => [
        showTime(time),
        delivery.workspace,
        delivery.type,
        delivery.connection,
        `${delivery.attempt}×`,
        delivery.id,
        `${delivery.last?.kind ?? ""}: ${delivery.last?.message ?? ""}`,
      ]),
    ))
      print(line)
    if (found.length === limit) note(`the first ${limit} are shown; see more with --limit`)
    note("send them again: meshes dead retry <delivery>, or --all")
  }),
).pipe(Command.withDescription("List dead letters with what ended them"))

const retry = Command.make(
  "retry",
  {
    deliveries: Argument.String("delivery").pipe(
      Argument.withDescription("Deliveries by id"),
      Argument.variadic({ min: 0 }),
    ),
    ...filterFlags,
    ...manyFlags,
    all: Flag.Boolean("all").pipe(
      Flag.withDefault(false),
      Flag.withDescription("All dead letters that the filters leave"),
    ),
  },
  Effect.fn(function* ({ deliveries, all, ...many }) {
    const { config, json } = yield* shared
    const { workspace, connection } = many
    const narrowed = namesMany({ ...many, workspace: Option.none(), connection: Option.none() })
    if (deliveries.length > 0 && narrowed) {
      return yield* new WrongUse({ message: "name deliveries by their ids, or say which are meant: not both" })
    }
    if (deliveries.length === 0 && (narrowed || (!all && namesMany(many)))) return yield* operateOn("retry", many)
    if (deliveries.length === 0 && !all) {
      return yield* new WrongUse({
        message:
          "name the deliveries to send again, or say which are meant (-w, --connection, --since: see --help), or --all",
      })
    }
    const settings = yield* settingsOf({ config })
    const progress = startProgress()
    const who = whoseCommand()
    const work = Effect.gen(function* () {
      const reader = yield* LogReader
      const { count } = yield* reader.extent(streams.dead)
      const revived: Array<string> = []
      const audit = yield* Audit
      const told = new Set<string>()
      const sendAgain = Effect.fnUntraced(function* ({ subject, delivery }: Letter) {
        const act = actOn(delivery, all ? { connection } : undefined)
        if (!told.has(delivery.workspace) || !all) yield* audit.write(who, act)
        told.add(delivery.workspace)
        if (yield* reader.revive(subject, who.by)) revived.push(delivery.id)
        if (process.stderr.isTTY === true)
          progress.say(`sent again: ${revived.length}${all ? ` of at most ${count}` : ""}`)
      })
      if (all) yield* Stream.runForEach(letters(workspace, connection), sendAgain)
      for (const id of deliveries) {
        if (!/^dlv_[0-9a-z]+$/.test(id))
          return yield* new WrongUse({ message: `"${id}" is not a delivery's id: dlv_…` })
        yield* Stream.runForEach(letters(workspace, connection, id), sendAgain)
      }
      return revived
    })
    const revived = yield* withLog(settings, work).pipe(
      Effect.ensuring(Effect.sync(progress.stop)),
      Effect.provide(logLayer(settings.logLevel, json)),
    )
    const missing = deliveries.filter((id) => !revived.includes(id))
    if (json) printJson({ count: revived.length, deliveries: revived, missing })
    else good(`${revived.length} sent again`)
    if (missing.length > 0) {
      for (const id of missing) bad(`${id} is not among the dead letters: see meshes deliveries show ${id}`)
      return yield* new AnswerIsNo()
    }
  }),
).pipe(
  Command.withDescription("Send dead letters again, with all their attempts before them"),
  Command.withExamples([
    { command: "meshes dead retry dlv_…", description: "One delivery" },
    {
      command: "meshes dead retry --all --connection erp",
      description: "Everything that died on its way to one connection",
    },
    {
      command: 'meshes dead retry -w acme --connection erp --since "1 day" --dry-run',
      description: "How many of the last day's would be sent again",
    },
  ]),
)

/** For the audit: one delivery, or, once for each workspace, all that are chosen. */
const actOn = ({ id, workspace }: Delivery, many: { readonly connection: Option.Option<string> } | undefined): Act => ({
  what: "deliveries.retried",
  target: many === undefined ? id : Option.getOrElse(many.connection, () => "*"),
  ...(many === undefined
    ? {}
    : { detail: `all dead letters${Option.isNone(many.connection) ? "" : " of the connection"}` }),
  workspaces: [workspace],
})

export const dead = Command.make("dead").pipe(
  Command.withDescription("Deliveries that were given up"),
  Command.withSubcommands([ls, retry]),
)
