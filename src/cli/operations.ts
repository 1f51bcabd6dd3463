/**
 * `meshes operations ls | show | stop`, and beginning one: many deliveries retried or cancelled by a running runtime, which is waited for.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import { limits } from "../config/defaults.ts"
import { Operations } from "../log/operations.ts"
import { InvalidInput } from "../model/errors.ts"
import { operationIdPattern } from "../model/ids.ts"
import {
  operableStatuses,
  shownCount,
  shownOperation,
  type Operation,
  type OperationProgress,
} from "../model/operation.ts"
import { outcomeKinds } from "../model/outcome.ts"
import { checkOperation } from "../operate/request.ts"
import { logLayer, settingsOf, shared, withLog, withOwnLog } from "./context.ts"
import { momentFlag, momentText } from "./moments.ts"
import {
  AnswerIsNo,
  bad,
  good,
  note,
  paint,
  print,
  printJson,
  showTime,
  startProgress,
  table,
  WrongUse,
} from "./output.ts"
import { whoseCommand } from "./who.ts"

type Action = Operation["action"]

const optional = (name: string, description: string) =>
  Flag.String(name).pipe(Flag.optional, Flag.withDescription(description))

/** Which deliveries are meant; of a workspace and a connection, the commands have flags already. */
export const manyFlags = {
  rule: optional("rule", "Deliveries by this rule"),
  type: optional("type", "Of events of this type, or of a pattern of types"),
  outcome: Flag.Literals("outcome", outcomeKinds).pipe(
    Flag.optional,
    Flag.withDescription("Whose last attempt came to this"),
  ),
  resource: optional("resource", "Of events about such a resource: page"),
  resource_id: optional("resource-id", "Of events about that one"),
  since: momentFlag("since", "Created then or later"),
  until: momentFlag("until", "Created before"),
  dryRun: Flag.Boolean("dry-run").pipe(Flag.withDefault(false), Flag.withDescription("Only count them, by connection")),
}

interface Many {
  readonly workspace: Option.Option<string>
  readonly connection: Option.Option<string>
  readonly rule: Option.Option<string>
  readonly type: Option.Option<string>
  readonly outcome: Option.Option<string>
  readonly resource: Option.Option<string>
  readonly resource_id: Option.Option<string>
  readonly since: Option.Option<string>
  readonly until: Option.Option<string>
  readonly dryRun: boolean
  readonly status?: ReadonlyArray<string>
}

/** Something of it was given that only makes sense for many. */
export const namesMany = ({ dryRun, ...flags }: Many): boolean =>
  dryRun || Object.values(flags).some((flag) => Option.isOption(flag) && Option.isSome(flag))

/** Begins an operation and follows it to its end. */
export const operateOn = Effect.fnUntraced(function* (action: Action, many: Many) {
  const { config, json } = yield* shared
  const { workspace, since, until, dryRun: preview, status = [] } = many
  if (Option.isNone(workspace)) {
    return yield* new WrongUse({
      message: "say of which workspace: -w <workspace>; or name the deliveries by their ids",
    })
  }
  const { connection, rule, type, outcome, resource, resource_id } = many
  const filter = Object.fromEntries([
    ...Object.entries({ connection, rule, type, outcome, resource, resource_id }).flatMap(([name, value]) =>
      Option.isSome(value) ? [[name, value.value]] : [],
    ),
    ...Object.entries({ from: momentText(since), to: momentText(until) }).filter(([, value]) => value !== undefined),
  ])
  const asked = checkOperation(
    { action, preview, filter: { ...filter, ...(status.length === 0 ? {} : { status }) } },
    workspace.value,
    Date.now(),
  )
  if (Result.isFailure(asked)) return yield* new InvalidInput({ subject: `the ${action}`, issues: asked.failure })
  const settings = yield* settingsOf({ config })
  const progress = startProgress()
  const over = Effect.gen(function* () {
    const operations = yield* Operations
    const begun = yield* operations.begin(asked.success, whoseCommand())
    if (!json) note(`${begun.id} has begun; a running runtime goes on with it, with or without this command`)
    for (let one = begun; ;) {
      if (one.state !== "running") return one
      if (process.stderr.isTTY === true) progress.say(farOf(one.progress))
      yield* Effect.sleep(limits.laneCheckMs)
      one = (yield* operations.find(begun.id)) ?? one
    }
  })
  const one = yield* withLog(settings, over).pipe(
    Effect.ensuring(Effect.sync(progress.stop)),
    Effect.provide(logLayer(settings.logLevel, json)),
  )
  if (json) return printJson(shownOperation(one))
  for (const { connection: name, count } of shownCount(one.progress).by_connection) print(`${count}  ${name}`)
  const what = one.preview ? wouldBe[action] : were[action]
  good(`${one.progress.deliveries} ${one.progress.deliveries === 1 ? "delivery" : "deliveries"} ${what}`)
  if (one.state === "stopped") {
    bad(`it was stopped by ${one.ended?.by ?? "somebody"} before its end`)
    return yield* new AnswerIsNo()
  }
})

const farOf = ({ deliveries, skipped, expected }: OperationProgress): string =>
  expected === undefined ? `${deliveries} deliveries so far` : `${deliveries + skipped} of ${expected} deliveries`

const wouldBe = { retry: "would be sent again", cancel: "would be cancelled" } as const
const were = { retry: "sent again", cancel: "cancelled" } as const

/** The statuses that an action takes. */
export const statusFlag = (action: Action) =>
  Flag.Literals("status", operableStatuses[action].known).pipe(
    Flag.atLeast(0),
    Flag.withDescription(`How they are; may be repeated; default ${operableStatuses[action].default.join(" and ")}`),
  )

const ls = Command.make(
  "ls",
  {
    workspace: Flag.String("workspace").pipe(Flag.withAlias("w"), Flag.optional),
    limit: Flag.Int("limit").pipe(
      Flag.withDefault(limits.linesListed),
      Flag.withDescription("The latest so many; default 50"),
    ),
  },
  Effect.fn(function* ({ workspace, limit }) {
    const { json } = yield* shared
    const all = yield* withOperations((operations) => operations.list(Option.getOrUndefined(workspace)))
    const latest = all.slice(0, Math.max(1, limit))
    if (json) return printJson({ count: latest.length, records: latest.map(shownOperation) })
    if (latest.length === 0) return note("no operations")
    for (const line of table(
      latest.map((one) => [
        showTime(one.created),
        one.id,
        one.filter.workspace,
        one.preview ? `${one.action}, a preview` : one.action,
        one.state === "done" ? paint.green(one.state) : one.state === "stopped" ? paint.yellow(one.state) : one.state,
        `${one.progress.deliveries} deliveries`,
        one.by,
      ]),
    ))
      print(line)
  }),
).pipe(Command.withDescription("List retries and cancellations of many deliveries, the latest first"))

const id = Argument.String("operation").pipe(Argument.withDescription("The operation's id: opr_…"))

const show = Command.make(
  "show",
  { id },
  Effect.fn(function* ({ id }) {
    printJson(shownOperation(yield* known(id, (operations) => operations.find(id))))
  }),
).pipe(Command.withDescription("Show how far an operation has come, as JSON"))

const stop = Command.make(
  "stop",
  { id },
  Effect.fn(function* ({ id }) {
    const { json } = yield* shared
    const stopped = yield* known(id, (operations) =>
      Effect.flatMap(operations.find(id), (one) =>
        one === undefined ? Effect.succeed(undefined) : operations.stop(one, whoseCommand()),
      ),
    )
    if (json) return printJson(shownOperation(stopped))
    good(`${id} is ${stopped.state}, after ${stopped.progress.deliveries} deliveries`)
  }),
).pipe(Command.withDescription("Stop an operation; what was done stays"))

const withOperations = <A, E>(use: (operations: Operations["Service"]) => Effect.Effect<A, E>) =>
  withOwnLog(Effect.flatMap(Operations, use))

const known = <E>(id: string, use: (operations: Operations["Service"]) => Effect.Effect<Operation | undefined, E>) =>
  Effect.gen(function* () {
    if (!operationIdPattern.test(id)) return yield* new WrongUse({ message: `"${id}" is not an operation's id: opr_…` })
    const found = yield* withOperations(use)
    if (found !== undefined) return found
    bad(`there is no operation ${id}: see meshes operations ls`)
    return yield* new AnswerIsNo()
  })

export const operations = Command.make("operations").pipe(
  Command.withDescription("Retries and cancellations of many deliveries"),
  Command.withSubcommands([ls, show, stop]),
)
