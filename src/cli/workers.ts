/**
 * `meshes start --workers`: several processes on one machine, each the whole runtime, sharing one port and one log. This is the primary,
 * which runs none itself: it has the embedded server, starts the workers and starts those again that end, passes on what they print, and
 * asks them all when one is asked how they are, and sees to it that they take up a changed config together.
 */
import cluster, { type Worker } from "node:cluster"
import type { Readable } from "node:stream"
import { fileURLToPath } from "node:url"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import { generateKey } from "../accounts/keys.ts"
import type { Refused } from "../config/current-plan.ts"
import { limits } from "../config/defaults.ts"
import { letGoOf } from "../config/load.ts"
import { embedded, hasNoKey, type Ready, type RuntimeOptions } from "../main.ts"
import { InvalidInput, Unusable } from "../model/errors.ts"
import { configOfAll, sumMetrics, type Readiness } from "../observe/report.ts"
import { appliedBy, doRequests, prepareConfig, refusedBy, sayApplied, sayRefused, type Requests } from "./reload.ts"
import {
  makeQuestions,
  numberVariable,
  type Prepared,
  type Questions,
  type ToPrimary,
  type ToWorker,
} from "./worker.ts"

export type WorkersOptions = Pick<RuntimeOptions, "settings" | "current" | "keys" | "onReady" | "progress"> & {
  readonly json: boolean
  readonly requests: Requests
  /** Of the config in force. */
  readonly files: ReadonlySet<string>
}

/** Runs until it is interrupted; then all workers end in order, and the embedded server after them. */
export const workers = (options: WorkersOptions): Effect.Effect<never, Unusable> =>
  Effect.scoped(
    Effect.gen(function* () {
      const { settings, json, requests } = options
      const url = settings.natsUrl ?? (yield* embedded(options)).url
      const generated = hasNoKey(options) ? generateKey() : undefined
      const key = generated === undefined ? {} : { adminKey: generated }
      const context = yield* Effect.context<never>()
      const crew = yield* Effect.acquireRelease(
        Effect.sync(() =>
          startCrew({
            count: settings.workers,
            port: settings.port,
            args: ["start", "--config", settings.configFile, "--host", settings.host, ...(json ? ["--json"] : [])],
            env: { MESHES_NATS_URL: url, ...(generated === undefined ? {} : { MESHES_ADMIN_KEY: generated }) },
            revision: options.current.get().revision,
            warn: (line) => Effect.runForkWith(context)(Effect.logWarning(line)),
            differ: () => void Queue.offerUnsafe(requests, "a worker that began with another config"),
          }),
        ),
        ({ stop }) => Effect.promise(stop),
      )
      const http = yield* Effect.tryPromise({
        try: () => crew.ready,
        catch: (cause) => (cause instanceof Unusable ? cause : new Unusable({ message: String(cause) })),
      })
      const ready: Ready = { http, nats: url, ...key }
      yield* options.onReady(ready)
      return yield* doRequests(requests, settings, options.files, (why) => reload(options, crew, why))
    }),
  )

/** All workers take up the config as it is on the disk now, or none does. */
const reload = ({ settings, current, json, requests }: WorkersOptions, crew: Crew, why: string) => {
  const files = new Set<string>()
  const before = current.get()
  return Effect.gen(function* () {
    const loaded = yield* prepareConfig(settings, before, files)
    letGoOf(loaded.config)
    const { revision } = loaded.plan
    const answer = yield* Effect.promise(() => crew.reload(revision, why))
    if (answer === "done") {
      current.swap(appliedBy(loaded, why))
      sayApplied(loaded.plan, before, json)
    } else if (answer === "differ") yield* Queue.offer(requests, why)
    else {
      crew.refuse(refusedBy(answer, why))
      yield* Effect.logError(`revision ${revision} was refused, and ${before.revision} goes on: ${answer.message}`)
    }
    return { files, valid: true }
  }).pipe(
    Effect.catch((error) => {
      crew.refuse(refusedBy(error, why))
      return Effect.as(sayRefused(error, before, json), { files, valid: false })
    }),
  )
}

interface CrewOptions {
  readonly count: number
  /** 0: any free one, the same for all. */
  readonly port: number
  /** A worker's command line, without the port. */
  readonly args: ReadonlyArray<string>
  /** Beside this process's own. */
  readonly env: { readonly [name: string]: string }
  readonly revision: string
  readonly warn: (line: string) => void
  /** Not all workers have the same revision: they are to take up the config together. */
  readonly differ: () => void
}

interface Crew {
  /** The address, once all were ready; rejects when one of them cannot be. */
  readonly ready: Promise<string>
  /** Has all that are ready take up the config, if each of them reads this revision: `differ` when one reads another. */
  readonly reload: (revision: string, why: string) => Promise<"done" | "differ" | InvalidInput>
  /** Tells them that the newest config is wrong. */
  readonly refuse: (refused: Refused) => void
  readonly stop: () => Promise<void>
}

/** One worker's place, whichever process has it. */
interface Place {
  readonly number: number
  worker?: Worker | undefined
  questions?: Questions
  /** Resolves when the process ended and all that it printed was read. */
  closed: Promise<unknown>
  /** Why it is not ready; absent when it is. */
  why?: string | undefined
  /** Of the config that it goes by. */
  revision?: string
  /** Waits for what it says of a config that it was to read. */
  prepared?: ((answer: Prepared | undefined) => void) | undefined
  /** When the process last said something, in ms of `performance.now()`. */
  heard?: number
  /** What it counted, as far as is known. */
  metrics: string
  delay: number
  timer?: NodeJS.Timeout
}

const bin = fileURLToPath(new URL(import.meta.url.endsWith(".ts") ? "bin.ts" : "bin.js", import.meta.url))

const send = (worker: Worker, message: ToWorker): void => void worker.process.send(message, () => undefined)

const startCrew = (options: CrewOptions): Crew => {
  const places = Array.from({ length: options.count }, (_, i): Place => ({
    number: i + 1,
    closed: Promise.resolve(),
    metrics: "",
    delay: limits.restartDelayMs,
  }))
  const allReady = Promise.withResolvers<string>()
  let allWereReady = false
  let stopping = false
  let { port, revision } = options
  let reloads = 0
  let portFound = port
  /** What was counted by processes that ended: a sum must not go down because one of them is gone. */
  let past = ""

  const start = (place: Place) => {
    cluster.setupPrimary({
      exec: bin,
      args: [...options.args, "--port", String(port)],
      stdio: ["ignore", "pipe", "pipe", "ipc"],
    })
    const worker = cluster.fork({ ...options.env, [numberVariable]: String(place.number) })
    const began = performance.now()
    let failure: string | undefined
    place.worker = worker
    place.why = "it is starting"
    place.questions = makeQuestions((about) => send(worker, { kind: "ask", about }))
    place.closed = new Promise((closed) => worker.process.once("close", closed))
    forwardLines(worker.process.stdout!, process.stdout)
    forwardLines(worker.process.stderr!, process.stderr)

    const isReady = (message: Extract<ToPrimary, { readonly kind: "ready" }>) => {
      place.why = undefined
      portFound = Number(new URL(message.http).port)
      place.revision = message.revision
      if (message.revision !== revision) options.differ()
      if (places.some(({ why }) => why !== undefined)) return
      allWereReady = true
      allReady.resolve(message.http)
    }
    worker.on("message", (message: ToPrimary) => {
      place.heard = performance.now()
      if (message.kind === "ready") isReady(message)
      else if (message.kind === "failed") failure = message.message
      else if (message.kind === "answer") place.questions?.answered(message)
      else if (message.kind === "prepared") place.prepared?.(message)
      else {
        const { about } = message
        void (about === "readiness" ? readiness() : metrics()).then((value) =>
          send(worker, { kind: "answer", about, value }),
        )
      }
    })
    const ended = (why: string, killed: boolean) => {
      if (place.worker !== worker) return
      place.worker = undefined
      place.prepared?.(undefined)
      past = sumMetrics([past, place.metrics], false)
      place.metrics = ""
      place.why = `it ended (${why}) and is started again`
      if (stopping) return
      if (!allWereReady && !killed) {
        const message = failure ?? `worker ${place.number} ended before it was ready (${why})`
        return allReady.reject(new Unusable({ message }))
      }
      // The port is open as long as a worker is there; any that was free once is to be the same one again.
      if (places.every((one) => one.worker === undefined)) port = portFound
      if (performance.now() - began > limits.restartDelayMaxMs) place.delay = limits.restartDelayMs
      const reason = failure === undefined ? why : failure.replace(/\s*\n\s*/g, "; ")
      options.warn(`worker ${place.number} ended (${reason}) and is started again`)
      place.timer = setTimeout(start, place.delay, place)
      place.delay = Math.min(place.delay * 2, limits.restartDelayMaxMs)
    }
    worker.once("exit", (code, signal) =>
      ended(signal === null ? `exit status ${code}` : `signal ${signal}`, signal !== null),
    )
    // Also said of a message that could not be sent, which is of no interest.
    worker.on("error", (cause) => worker.process.pid === undefined && ended(cause.message, false))
  }

  const readiness = async (): Promise<Readiness> => {
    const parts = await Promise.all(
      places.map(async ({ number, questions, why, heard }): Promise<Readiness> => {
        const own = why === undefined ? await questions?.ask("readiness", limits.workerAnswerMs) : undefined
        if (own !== undefined) {
          return { ...own, loops: own.loops.map((loop) => ({ ...loop, name: `worker ${number}: ${loop.name}` })) }
        }
        const silent = why === undefined && heard !== undefined ? Math.round(performance.now() - heard) : null
        const failure = why ?? "it does not answer"
        return { ready: false, loops: [{ name: `worker ${number}`, alive: false, silent_ms: silent, failure }] }
      }),
    )
    return {
      ready: parts.every((part) => part.ready),
      loops: parts.flatMap(({ loops }) => loops),
      config: configOfAll(parts.map(({ config }) => config)),
    }
  }

  const ready = () => places.filter(({ why, worker }) => why === undefined && worker !== undefined)
  const tell = (to: ReadonlyArray<Place>, message: ToWorker) => {
    for (const { worker } of to) if (worker !== undefined) send(worker, message)
  }

  /** `undefined` when it ended meanwhile: it reads the config when it begins again. */
  const prepare = (place: Place, reload: number) =>
    new Promise<Prepared | undefined>((answered) => {
      const end = (answer: Prepared | undefined) => {
        if (answer !== undefined && answer.reload !== reload) return
        clearTimeout(timer)
        place.prepared = undefined
        answered(answer)
      }
      const failure = `worker ${place.number} did not read the config within ${limits.workerReloadMs / 1000} s`
      const timer = setTimeout(() => end({ kind: "prepared", reload, failure }), limits.workerReloadMs)
      place.prepared = end
      send(place.worker!, { kind: "prepare", reload })
    })

  const reload: Crew["reload"] = async (wanted, why) => {
    const number = ++reloads
    const asked = ready()
    const answers = await Promise.all(asked.map((place) => prepare(place, number)))
    const failed = answers.find((answer) => answer !== undefined && "failure" in answer)
    if (failed !== undefined) {
      const { failure } = failed as { readonly failure: string }
      return new InvalidInput({ subject: "the config", issues: [{ path: [], message: failure }] })
    }
    if (answers.some((answer) => answer !== undefined && "revision" in answer && answer.revision !== wanted))
      return "differ"
    tell(asked, { kind: "apply", reload: number, why })
    revision = wanted
    for (const place of asked) place.revision = wanted
    // One that became ready meanwhile may have read the one before.
    if (ready().some((place) => place.revision !== wanted)) options.differ()
    return "done"
  }

  /** For a worker that does not answer its last answer counts. */
  const metrics = async (): Promise<string> => {
    await Promise.all(
      places.map(async (place) => {
        const { worker, questions, why } = place
        const own = why === undefined ? await questions?.ask("metrics", limits.workerAnswerMs) : undefined
        if (own !== undefined && place.worker === worker) place.metrics = own
      }),
    )
    return sumMetrics([past, ...places.map((place) => place.metrics)])
  }

  const killAll = () => {
    for (const { worker } of places) worker?.process.kill("SIGKILL")
  }
  const stop = async () => {
    stopping = true
    for (const { timer } of places) clearTimeout(timer)
    await Promise.all(
      places.map(async ({ worker, closed }) => {
        if (worker !== undefined) send(worker, { kind: "end" })
        const late = setTimeout(() => {
          worker?.process.kill("SIGKILL")
          // A process that a connector started may hold them open.
          worker?.process.stdout?.destroy()
          worker?.process.stderr?.destroy()
        }, limits.shutdownMs * 2)
        await closed
        clearTimeout(late)
      }),
    )
    process.off("exit", killAll)
  }

  // Each worker's output may wait for these to drain.
  for (const stream of [process.stdout, process.stderr])
    stream.setMaxListeners(stream.getMaxListeners() + options.count)
  // Whatever ends this process at once (a second signal) is to leave none of them.
  process.on("exit", killAll)
  allReady.promise.catch(() => undefined)
  for (const place of places) start(place)
  return { ready: allReady.promise, reload, refuse: (refused) => tell(ready(), { kind: "refuse", refused }), stop }
}

/** Passes on whole lines, so that those of several processes do not tear each other. */
const forwardLines = (from: Readable, to: NodeJS.WriteStream): void => {
  let begun: Array<Buffer> = []
  let begunBytes = 0
  from.on("data", (chunk: Buffer) => {
    const end = begunBytes > limits.workerLineBytes ? chunk.length : chunk.lastIndexOf("\n") + 1
    begunBytes = end === 0 ? begunBytes + chunk.length : chunk.length - end
    if (end === 0) return void begun.push(chunk)
    const whole = Buffer.concat([...begun, chunk.subarray(0, end)])
    begun = end < chunk.length ? [chunk.subarray(end)] : []
    if (to.write(whole)) return
    from.pause()
    to.once("drain", () => from.resume())
  })
  from.once("end", () => {
    if (begun.length > 0) to.write(Buffer.concat([...begun, Buffer.from("\n")]))
  })
}
