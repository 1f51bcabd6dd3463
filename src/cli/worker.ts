/**
 * One of several workers: what it and the primary say to each other over the channel between them, and a runtime that tells when it is
 * ready, answers for all workers at `/readyz` and `/metrics`, takes up a changed config together with the others, and ends in order when
 * the primary wants it to, or is gone.
 */
import cluster from "node:cluster"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type { Refused } from "../config/current-plan.ts"
import { limits } from "../config/defaults.ts"
import { letGoOf, type LoadedConfig } from "../config/load.ts"
import type { Ready, RuntimeOptions } from "../main.ts"
import { runtime } from "../main.ts"
import { Reporting, type Readiness, type Report } from "../observe/report.ts"
import { AnswerIsNo } from "./output.ts"
import { appliedBy, prepareConfig, refusePlan, swapPlan } from "./reload.ts"

/** What can be asked: by the primary of one worker, and by a worker of the primary, which asks them all. */
export interface Answers {
  readonly readiness: Readiness
  readonly metrics: string
}

export interface Answered {
  readonly about: keyof Answers
  readonly value: Answers[keyof Answers]
}

export type ToPrimary =
  | { readonly kind: "ready"; readonly http: string; readonly revision: string }
  /** It cannot run, and this is what its user is to be told. */
  | { readonly kind: "failed"; readonly message: string }
  | { readonly kind: "ask"; readonly about: keyof Answers }
  | ({ readonly kind: "answer" } & Answered)
  | Prepared

/** What came of `prepare`: the revision that was read, or why that cannot be used. */
export type Prepared = { readonly kind: "prepared"; readonly reload: number } & (
  | { readonly revision: string }
  | { readonly failure: string }
)

export type ToWorker =
  | { readonly kind: "ask"; readonly about: keyof Answers }
  | ({ readonly kind: "answer" } & Answered)
  /** Read the config anew, and wait for what is next: it is put into force by all, or by none. */
  | { readonly kind: "prepare"; readonly reload: number }
  | { readonly kind: "apply"; readonly reload: number; readonly why: string }
  | { readonly kind: "refuse"; readonly refused: Refused }
  | { readonly kind: "end" }

export interface Questions {
  /** `undefined` when there was no answer within so many milliseconds. */
  readonly ask: <Q extends keyof Answers>(about: Q, waitMs: number) => Promise<Answers[Q] | undefined>
  readonly answered: (answer: Answered) => void
}

/** Asks whoever is at the other end of a channel: one question of a kind at a time, so that who is silent is not buried in them. */
export const makeQuestions = (send: (about: keyof Answers) => void): Questions => {
  const open = new Map<keyof Answers, Set<(value: any) => void>>()
  return {
    ask: (about, waitMs) =>
      new Promise((tell) => {
        const waiting = open.get(about) ?? new Set()
        const told = (value: any) => {
          clearTimeout(timer)
          waiting.delete(told)
          tell(value)
        }
        const timer = setTimeout(told, waitMs, undefined)
        waiting.add(told)
        if (open.has(about)) return
        open.set(about, waiting)
        send(about)
      }),
    answered: ({ about, value }) => {
      const waiting = open.get(about) ?? []
      open.delete(about)
      for (const told of waiting) told(value)
    },
  }
}

/** The variable by which a worker knows its number. */
export const numberVariable = "MESHES_WORKER_NUMBER"

/** 1 for the first; `undefined` in a process that is no worker. */
export const workerNumber = (): number | undefined =>
  cluster.isWorker ? Number(process.env[numberVariable]) : undefined

/** Resolves when it is on its way, or cannot be: what becomes of a primary that is gone is no concern of the sender. */
const send = (message: ToPrimary): Promise<void> =>
  new Promise((sent) => {
    if (process.send === undefined) sent()
    else process.send(message, undefined, undefined, () => sent())
  })

/** A worker that fails tells its primary why, which tells it once for all workers; in another process nothing is changed. */
export const tellPrimary = <A, E extends { readonly message: string }, R>(
  effect: Effect.Effect<A, E, R>,
): Effect.Effect<A, E | AnswerIsNo, R> =>
  cluster.isWorker
    ? Effect.catch(effect, ({ message }) =>
        Effect.andThen(
          Effect.promise(() => send({ kind: "failed", message })),
          Effect.fail(new AnswerIsNo()),
        ),
      )
    : effect

const primarySilent: Readiness = {
  ready: false,
  loops: [{ name: "primary", alive: false, silent_ms: null, failure: "it does not answer" }],
}

/** A worker's part in a reload. */
const makeReloads = ({ settings, current }: Pick<RuntimeOptions, "settings" | "current">) => {
  let ready: { readonly reload: number; readonly loaded: LoadedConfig } | undefined
  const drop = () => {
    letGoOf(ready?.loaded.config)
    ready = undefined
  }
  return {
    prepare: (reload: number) =>
      Effect.gen(function* () {
        const loaded = yield* Effect.result(prepareConfig(settings, current.get()))
        drop()
        if (Result.isSuccess(loaded)) ready = { reload, loaded: loaded.success }
        const came = Result.isSuccess(loaded)
          ? { revision: loaded.success.plan.revision }
          : { failure: loaded.failure.message }
        yield* Effect.promise(() => send({ kind: "prepared", reload, ...came }))
      }),
    apply: (reload: number, why: string) =>
      Effect.suspend(() => {
        if (ready?.reload !== reload) return Effect.void
        const { loaded } = ready
        ready = undefined
        return swapPlan(current, appliedBy(loaded, why))
      }),
    refuse: (refused: Refused) =>
      Effect.suspend(() => {
        drop()
        return refusePlan(current, refused)
      }),
  }
}

/** The runtime as one of several; ends without an error when the primary says so or is gone. */
export const workerRuntime = (options: Omit<RuntimeOptions, "onReady">) =>
  Effect.suspend(() => {
    const questions = makeQuestions((about) => void send({ kind: "ask", about }))
    // The primary waits for the slowest worker; it is given as long again to answer itself.
    const waitMs = 2 * limits.workerAnswerMs
    let own: Report | undefined
    const reporting = (mine: Report): Report => {
      own = mine
      return {
        readiness: Effect.map(
          Effect.promise(() => questions.ask("readiness", waitMs)),
          (all) => all ?? primarySilent,
        ),
        metrics: Effect.promise(() => questions.ask("metrics", waitMs)),
      }
    }
    const answer = async (about: keyof Answers) => {
      const value =
        own === undefined ? undefined : await Effect.runPromise<Answers[keyof Answers] | undefined, never>(own[about])
      if (value !== undefined) await send({ kind: "answer", about, value })
    }
    const { prepare, apply, refuse } = makeReloads(options)
    const ended = Effect.callback<void>((resume) => {
      process.on("message", (message: ToWorker) => {
        if (message.kind === "ask") void answer(message.about)
        else if (message.kind === "answer") questions.answered(message)
        else if (message.kind === "prepare") Effect.runFork(prepare(message.reload))
        else if (message.kind === "apply") Effect.runFork(apply(message.reload, message.why))
        else if (message.kind === "refuse") Effect.runFork(refuse(message.refused))
        else resume(Effect.void)
      })
      const { worker } = cluster
      worker?.once("disconnect", () => {
        // Without this Node ends the process at once.
        worker.exitedAfterDisconnect = true
        resume(Effect.void)
      })
    })
    const onReady = ({ http }: Ready) =>
      Effect.promise(() => send({ kind: "ready", http, revision: options.current.get().revision }))
    return Effect.raceFirst(ended, runtime({ ...options, onReady })).pipe(
      Effect.provideService(Reporting, reporting),
      Effect.annotateLogs({ worker: workerNumber() }),
    )
  })
