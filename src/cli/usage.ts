/**
 * `meshes usage`: what was used in a month, with bars that show how much of a plan's limit that is.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import { monthPattern } from "../model/usage.ts"
import { settingsOf, shared } from "./context.ts"
import { AnswerIsNo, note, paint, print, printJson, table, WrongUse } from "./output.ts"
import { remoteFlags, remoteOf, sayProblem, send } from "./remote.ts"

/** Characters of a bar. */
const barWidth = 24

interface Counted {
  readonly events: number
  readonly deliveries: number
  readonly attempts: number
}

interface WorkspaceUsage extends Counted {
  readonly workspace: string
  readonly account?: string
  readonly plan?: string
  readonly month: string
  readonly limit?: {
    readonly pooled: boolean
    readonly used: number
    readonly limit: number
    readonly percent: number
    readonly overage: "reject" | "allow"
    readonly resets_at: string
  }
}

interface Answer {
  readonly records: ReadonlyArray<WorkspaceUsage>
  readonly incomplete_before?: string
}

type OneAnswer = WorkspaceUsage & { readonly months: ReadonlyArray<Counted & { readonly month: string }> } & Omit<
    Answer,
    "records"
  >

export const usage = Command.make(
  "usage",
  {
    workspace: Flag.String("workspace").pipe(
      Flag.withAlias("w"),
      Flag.optional,
      Flag.withDescription("One workspace, with the months before (default: all that the key may see)"),
    ),
    month: Flag.String("month").pipe(
      Flag.optional,
      Flag.withDescription("A calendar month in UTC: 2026-11 (default: this one)"),
    ),
    ...remoteFlags,
  },
  Effect.fn(function* (flags) {
    const { config, json } = yield* shared
    const month = Option.getOrUndefined(flags.month)
    if (month !== undefined && !monthPattern.test(month)) {
      return yield* new WrongUse({ message: `--month ${month}: expected a year and a month, such as 2026-11` })
    }
    const settings = yield* settingsOf({ config })
    const remote = yield* remoteOf(settings, flags)
    const workspace = Option.getOrUndefined(flags.workspace)
    const path = workspace === undefined ? "/api/v1/usage" : `/api/v1/workspaces/${encodeURIComponent(workspace)}/usage`
    const answer = yield* send(remote, `${path}${month === undefined ? "" : `?month=${month}`}`)
    const { status, body } = answer
    if (json) printJson(body)
    if (status !== 200) {
      if (!json) sayProblem(answer)
      return yield* new AnswerIsNo()
    }
    if (json) return
    if (workspace === undefined) return showAll(body as Answer)
    return showOne(body as OneAnswer)
  }),
).pipe(
  Command.withDescription("What was used in a month, and how much of the plans' limits"),
  Command.withExamples([
    { command: "meshes usage", description: "Every workspace, this month" },
    { command: "meshes usage -w acme-prod --month 2026-10", description: "One workspace, another month" },
  ]),
)

const showAll = (answer: Answer): void => {
  if (answer.records.length === 0) return note("there are no workspaces")
  for (const line of linesOf(answer.records)) print(line)
  noteIncomplete(answer)
}

const showOne = (answer: OneAnswer): void => {
  for (const line of linesOf([answer])) print(line)
  const before = answer.months.filter(({ month }) => month !== answer.month)
  if (before.length > 0) print("")
  for (const line of table(before.map((one) => [one.month, ...countsOf(one)]))) print(line)
  noteIncomplete(answer)
}

const noteIncomplete = ({ incomplete_before }: Omit<Answer, "records">): void => {
  if (incomplete_before !== undefined) note(`what happened before ${incomplete_before} is not all there`)
}

/** A line for each workspace, and for each limit one with a bar. */
const linesOf = (records: ReadonlyArray<WorkspaceUsage>): ReadonlyArray<string> => {
  const counts = table(records.map((one) => [one.workspace, one.month, ...countsOf(one)]))
  const told = new Set<string>()
  return records.flatMap((one, i) => {
    const { limit, account, plan } = one
    if (limit === undefined) return [counts[i]!]
    const of = limit.pooled ? `account ${account}` : `workspace ${one.workspace}`
    // A pooled limit is told of once, behind the first of its workspaces.
    if (told.has(of)) return [counts[i]!]
    told.add(of)
    const more = limit.overage === "allow" ? "more is counted on" : "more is refused"
    return [
      counts[i]!,
      `  ${bar(limit.percent)} ${limit.percent} % of ${of}: ${number(limit.used)} of ${number(limit.limit)} events ` +
        `(plan ${plan}; ${more}; new ones from ${limit.resets_at.slice(0, 10)})`,
    ]
  })
}

const countsOf = ({ events, deliveries, attempts }: Counted): ReadonlyArray<string> => [
  `${number(events)} events`,
  `${number(deliveries)} deliveries`,
  `${number(attempts)} attempts`,
]

const number = (value: number): string => value.toLocaleString("en")

const bar = (percent: number): string => {
  const filled = Math.min(barWidth, Math.round((percent * barWidth) / 100))
  const text = "█".repeat(filled) + "░".repeat(barWidth - filled)
  return percent >= 100 ? paint.red(text) : percent >= 80 ? paint.yellow(text) : paint.green(text)
}
