/**
 * `meshes validate`: is the config right? All that is wrong, at once, with paths. With `--secrets`, also whether every secret it refers
 * to can be found here.
 */
import * as Effect from "effect/Effect"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import type { Plan } from "../config/plan.ts"
import { limits } from "../config/defaults.ts"
import { formatPath, type InvalidInput, type Issue } from "../model/errors.ts"
import { planOf, settingsOf, shared } from "./context.ts"
import { AnswerIsNo, bad, good, note, printJson } from "./output.ts"
import { secretIssues } from "./secret-issues.ts"

export const validate = Command.make(
  "validate",
  {
    secrets: Flag.Boolean("secrets").pipe(
      Flag.withDefault(false),
      Flag.withDescription("Also check that every secret can be found in this environment"),
    ),
  },
  Effect.fn(function* ({ secrets }) {
    const { config, json } = yield* shared
    const settings = yield* settingsOf({ config })
    const checked = yield* Effect.result(planOf(settings))
    if (checked._tag === "Failure") return yield* refuse(checked.failure, json)
    const plan = checked.success
    const { missing, wrong } = secrets ? secretIssues(plan, process.env) : { missing: [], wrong: [] }
    // With a key ring what is not here may be in the vault, which is in the log: that is looked at when the runtime starts.
    const hasVault = settings.secretKeys.length > 0
    const issues = hasVault ? wrong : [...missing, ...wrong]
    if (issues.length > 0) return yield* refuse({ subject: settings.configFile, issues }, json)
    const notes = hasVault ? missing.map(({ path, name }) => ({ path: formatPath(path), message: later(name) })) : []
    const counts = countsOf(plan)
    if (json) printJson({ valid: true, revision: plan.revision, ...counts, ...(notes.length === 0 ? {} : { notes }) })
    else {
      for (const { path, message } of notes.slice(0, limits.issuesShown)) note(`  ${path}: ${message}`)
      if (notes.length > limits.issuesShown) note(`  … and ${notes.length - limits.issuesShown} more`)
      good(
        `${settings.configFile}: valid, revision ${plan.revision}: ${many(counts.workspaces, "workspace")}, ` +
          `${many(counts.connections, "connection")}, ${many(counts.rules, "rule")}`,
      )
    }
  }),
).pipe(
  Command.withDescription("Check the config: every error with its path"),
  Command.withExamples([
    { command: "meshes validate", description: "Check meshes.config.ts" },
    { command: "meshes validate --config eu.config.ts --json", description: "For a pipeline" },
  ]),
)

const later = (name: string): string =>
  `secret "${name}" is not in the environment; it is looked for in the vault at start`

const many = (count: number, what: string): string => `${count} ${what}${count === 1 ? "" : "s"}`

export const countsOf = (plan: Plan) => {
  const workspaces = [...plan.workspaces.values()]
  return {
    workspaces: workspaces.length,
    connections: workspaces.reduce((sum, { connections }) => sum + connections.size, 0),
    rules: workspaces.reduce((sum, { rules }) => sum + rules.length, 0),
  }
}

const refuse = (error: Pick<InvalidInput, "subject" | "issues">, json: boolean) => {
  if (json) {
    printJson({
      valid: false,
      error_count: error.issues.length,
      errors: error.issues.map(({ path, message }) => ({ path: formatPath(path), message })),
    })
  } else showIssues(error)
  return Effect.fail(new AnswerIsNo())
}

/** The list of errors, for people; the count is whole even where the list is cut. */
export const showIssues = ({
  subject,
  issues,
}: {
  readonly subject: string
  readonly issues: ReadonlyArray<Issue>
}): void => {
  bad(`${subject}: ${issues.length} ${issues.length === 1 ? "error" : "errors"}`)
  for (const { path, message } of issues.slice(0, limits.issuesShown)) {
    note(`  ${formatPath(path) || "(the whole)"}\n      ${message}`)
  }
  if (issues.length > limits.issuesShown) note(`  … and ${issues.length - limits.issuesShown} more`)
}
