/**
 * Asking a runtime over its API, as a program would: the one that runs over the data folder, or any that an address and a key are given
 * of. What it answers is shown; what it refuses is said.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Flag from "effect/cli/Flag"
import { limits } from "../config/defaults.ts"
import { readVariable } from "../config/secrets.ts"
import type { Settings } from "../config/settings.ts"
import { Unusable } from "../model/errors.ts"
import { AnswerIsNo, bad, note, WrongUse } from "./output.ts"
import { findRunning } from "./running.ts"

export const remoteFlags = {
  url: Flag.String("url").pipe(
    Flag.optional,
    Flag.withDescription("The runtime (default: the one running over the data folder)"),
  ),
  key: Flag.String("key").pipe(Flag.optional, Flag.withDescription("An API key (MESHES_KEY, else the admin key)")),
}

export interface Remote {
  readonly url: string
  readonly key: string
}

export const remoteOf = Effect.fnUntraced(function* (
  settings: Settings,
  given: { readonly url: Option.Option<string>; readonly key: Option.Option<string> },
) {
  const running = yield* Effect.promise(() => findRunning(settings.dataDir))
  const url = Option.getOrUndefined(given.url) ?? running?.http
  if (url === undefined) {
    return yield* new Unusable({
      message: `no runtime is running over ${settings.dataDir}: start it (meshes start), or name another with --url`,
    })
  }
  const fromEnv = Result.getOrElse(readVariable("MESHES_KEY", process.env), () => undefined)
  const key = Option.getOrUndefined(given.key) ?? fromEnv ?? settings.adminKey ?? running?.adminKey
  if (key === undefined)
    return yield* new WrongUse({ message: "no key: give --key, or set MESHES_KEY or MESHES_ADMIN_KEY" })
  return { url, key } satisfies Remote
})

export interface Answer {
  readonly status: number
  readonly body: unknown
}

export const send = (
  { url, key }: Remote,
  path: string,
  request: { readonly method?: "GET" | "POST"; readonly body?: unknown } = {},
): Effect.Effect<Answer, Unusable> =>
  Effect.tryPromise({
    try: async (signal) => {
      const response = await fetch(new URL(path, url), {
        method: request.method ?? "GET",
        headers: { "content-type": "application/json", authorization: `Bearer ${key}` },
        ...(request.body === undefined ? {} : { body: JSON.stringify(request.body) }),
        signal: AbortSignal.any([signal, AbortSignal.timeout(limits.requestTimeoutMs)]),
      })
      const text = await response.text()
      try {
        return { status: response.status, body: JSON.parse(text) as unknown }
      } catch {
        return { status: response.status, body: { message: `the answer is not JSON; is ${url} a Meshes runtime?` } }
      }
    },
    catch: (cause) => {
      const reason = (cause as { readonly cause?: Error }).cause ?? (cause as Error)
      return new Unusable({ message: `cannot reach ${url}: ${reason.message}` })
    },
  })

/** Says what was wrong, on standard error. */
export const sayProblem = ({ status, body }: Answer): void => {
  const problem = body as {
    readonly message?: string
    readonly errors?: ReadonlyArray<{ readonly path: string; readonly message: string }>
  }
  bad(`${status}: ${problem.message ?? "no message"}`)
  for (const error of problem.errors ?? []) note(`  ${error.path}: ${error.message}`)
}

type Query = { readonly [name: string]: string | number | undefined }

const pathWith = (path: string, query: Query): string => {
  const given = Object.entries(query).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, String(value)] as [string, string]],
  )
  return given.length === 0 ? path : `${path}?${new URLSearchParams(given).toString()}`
}

/** What is there, or `undefined`; whatever else is not an answer is said, and ends the command. */
export const find = Effect.fnUntraced(function* (remote: Remote, path: string, query: Query = {}) {
  const answer = yield* send(remote, pathWith(path, query))
  if (answer.status === 200) return answer.body
  if (answer.status === 404) return undefined
  sayProblem(answer)
  return yield* new AnswerIsNo()
})

/** The first so many records of a list, page by page, and whether there are more. `asOf`: all that the log stored before is in it. */
export const list = Effect.fnUntraced(function* (remote: Remote, path: string, query: Query, limit: number) {
  const records: Array<unknown> = []
  let cursor: string | undefined
  let asOf: string | undefined
  do {
    const page = { ...query, limit: Math.min(limits.pageRecords, limit - records.length), cursor }
    const answer = yield* send(remote, pathWith(path, page))
    if (answer.status !== 200) {
      sayProblem(answer)
      return yield* new AnswerIsNo()
    }
    const body = answer.body as {
      readonly records: ReadonlyArray<unknown>
      readonly next_cursor: string | null
      readonly as_of?: string | null
    }
    records.push(...body.records)
    asOf ??= body.as_of ?? undefined
    cursor = body.next_cursor ?? undefined
  } while (cursor !== undefined && records.length < limit)
  return { records, more: cursor !== undefined, asOf }
})

const workspacesPath = "/api/v1/workspaces"
export const inWorkspace = (workspace: string, path: string): string =>
  `${workspacesPath}/${encodeURIComponent(workspace)}/${path}`

/** The workspaces that are meant: the one that is named, else all that the key may see, if they are not too many to be asked one by one. */
export const workspacesMeant = Effect.fnUntraced(function* (remote: Remote, named: Option.Option<string>) {
  if (Option.isSome(named)) return [named.value]
  const { records, more } = yield* list(remote, workspacesPath, {}, limits.workspacesAsked)
  const ids = records.map((record) => (record as { readonly id: string }).id)
  if (more) {
    return yield* new WrongUse({ message: `there are more than ${ids.length} workspaces: name one with --workspace` })
  }
  return ids
})
