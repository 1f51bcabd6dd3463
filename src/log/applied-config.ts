/**
 * Which config is in force, told to the log by whoever takes one up, so that `meshes plan` can compare another with it. A summary is
 * stored in compressed pieces under its revision, then the head that names them: who reads the head finds a whole summary. Replicas
 * with the same config tell it once.
 */
import { gunzipSync, gzipSync } from "node:zlib"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { keptAs, type Kept } from "../config/compare.ts"
import type { Refused } from "../config/current-plan.ts"
import { limits } from "../config/defaults.ts"
import { inTurns } from "../config/in-turns.ts"
import type { Section } from "../config/summary.ts"
import { LogUnavailable } from "../model/errors.ts"
import type { WorkspaceId } from "../model/ids.ts"
import type { Actor } from "../model/record.ts"
import { version } from "../model/version.ts"
import { writeAudit } from "./audit.ts"
import { errorCodes, publishBatch } from "./batch.ts"
import { Nats, reasonOf, type NatsShape } from "./connection.ts"
import { isMissing } from "./ensure.ts"
import { streams, subjects } from "./topology.ts"

/** What is told of a config beside its summary. */
export interface ConfigFacts {
  readonly revision: string
  /** Since when it is in force, in milliseconds since 1970. */
  readonly at: number
  /** What brought it into force, and on which machine. */
  readonly by: string
}

/** Where a runtime is that tells something. */
interface From {
  readonly from: string
}

interface Head extends ConfigFacts {
  readonly parts: number
  /** The revision before, whose summary somebody may still be reading. */
  readonly before?: string
}

export class AppliedConfig extends Context.Service<
  AppliedConfig,
  {
    /** Nothing is written when the log has it already. */
    readonly tell: (facts: ConfigFacts & From, sections: () => Iterable<Section>) => Effect.Effect<void, LogUnavailable>
    /** A config was refused, and `revision` goes on. */
    readonly refused: (refused: Refused & From & Pick<ConfigFacts, "revision">) => Effect.Effect<void, LogUnavailable>
    /** `undefined`: none ever was. */
    readonly read: Effect.Effect<{ readonly facts: ConfigFacts; readonly kept: Kept } | undefined, LogUnavailable>
    /** How many deliveries wait for each connection of a workspace: about, as those that just ended count until they are removed. */
    readonly waiting: (workspace: WorkspaceId) => Effect.Effect<ReadonlyMap<string, number>, LogUnavailable>
  }
>()("meshes/AppliedConfig") {
  static readonly layer = Layer.effect(
    AppliedConfig,
    Effect.map(Nats, (nats) =>
      AppliedConfig.of({
        tell: (facts, sections) => attempt("telling the config", () => tell(nats, facts, sections)),
        refused: ({ revision, from, at, by, what }) =>
          writeAudit(
            nats,
            actor(from),
            { what: "config.refused", target: revision, detail: `${by}: ${what}; this one goes on` },
            `config.refused.${from}.${at}`,
          ),
        read: attempt("reading the config in force", () => read(nats)),
        waiting: (workspace) => attempt("counting what waits", () => waiting(nats, workspace)),
      }),
    ),
  )
}

const attempt = <A>(operation: string, run: () => Promise<A>): Effect.Effect<A, LogUnavailable> =>
  Effect.tryPromise({
    try: run,
    catch: (cause) => new LogUnavailable({ operation, reason: reasonOf(cause), stored: "unknown" }),
  })

const actor = (from: string): Actor => ({ by: "runtime", from, agent: `Meshes/${version}` })

const tell = async (
  nats: NatsShape,
  { from, ...facts }: ConfigFacts & From,
  sections: () => Iterable<Section>,
): Promise<void> => {
  let parts: ReadonlyArray<Uint8Array> | undefined
  for (;;) {
    const last = await lastHead(nats)
    if (last?.head.revision === facts.revision && (await isWhole(nats, last.head))) return
    parts ??= await inTurns(partsOf(sections()))
    for (const [i, body] of parts.entries()) await store(nats, subjects.configPart(facts.revision, i), body)
    const before = last?.head.revision === facts.revision ? last.head.before : last?.head.revision
    if (last?.head.revision !== facts.revision) {
      const detail = before === undefined ? facts.by : `${facts.by}; was ${before}`
      const act = { what: "config.applied", target: facts.revision, detail } as const
      await Effect.runPromise(writeAudit(nats, actor(from), act, `config.applied.${facts.revision}.${last?.seq ?? 0}`))
    }
    const head: Head = { ...facts, parts: parts.length, ...(before === undefined ? {} : { before }) }
    const stored = await store(nats, subjects.configHead, Buffer.from(JSON.stringify(head)), last?.seq ?? 0)
    // Somebody else told theirs at the same time; and who removes what is old may have taken ours for such.
    if (stored && (await isWhole(nats, head))) return removeOld(nats)
  }
}

/** `false`: another message of the subject came first. */
const store = async (nats: NatsShape, subject: string, body: Uint8Array, after?: number): Promise<boolean> => {
  const headers = after === undefined ? "" : `Nats-Expected-Last-Subject-Sequence: ${after}\r\n`
  const result = await publishBatch(nats.nc, [{ subject, body, headers }])
  if (result._tag === "Stored") return true
  if (result._tag === "Refused" && result.code === errorCodes.wrongLastSequence) return false
  throw new Error(result.reason)
}

/** A line each: the workspace, a space, its parts. */
function* partsOf(sections: Iterable<Section>): Generator<void, ReadonlyArray<Uint8Array>> {
  const parts: Array<Uint8Array> = []
  let text = ""
  for (const section of sections) {
    text += `${keptAs(section).join(" ")}\n`
    if (text.length >= limits.configPartCharacters) {
      parts.push(gzipSync(text))
      text = ""
    }
    yield
  }
  return text === "" ? parts : [...parts, gzipSync(text)]
}

const lastHead = async (nats: NatsShape): Promise<{ readonly seq: number; readonly head: Head } | undefined> => {
  const message = await nats.jsm.direct.getMessage(streams.config, { last_by_subj: subjects.configHead })
  return message === null ? undefined : { seq: message.seq, head: JSON.parse(message.string()) as Head }
}

const subjectsIn = async (nats: NatsShape, stream: string, filter: string): Promise<Record<string, number>> =>
  (await nats.jsm.streams.info(stream, { subjects_filter: filter })).state.subjects ?? {}

const isWhole = async (nats: NatsShape, { revision, parts }: Head): Promise<boolean> => {
  const there = await subjectsIn(nats, streams.config, subjects.configPart(revision, "*"))
  return Array.from({ length: parts }, (_, i) => subjects.configPart(revision, i)).every((one) => one in there)
}

const removeOld = async (nats: NatsShape): Promise<void> => {
  const there = await subjectsIn(nats, streams.config, subjects.configPart("*", "*"))
  const last = await lastHead(nats)
  const old = new Set(Object.keys(there).map((subject) => subject.split(".").at(-2)!))
  for (const revision of old) {
    if (revision === last?.head.revision || revision === last?.head.before) continue
    await nats.jsm.streams.purge(streams.config, { filter: subjects.configPart(revision, "*") })
  }
}

const read = async (nats: NatsShape) => {
  try {
    await nats.jsm.streams.info(streams.config)
  } catch (cause) {
    if (isMissing(cause)) return undefined
    throw cause
  }
  for (let tries = 0; tries < limits.configTries; tries++) {
    const last = await lastHead(nats)
    if (last === undefined) return undefined
    const { parts, before: _, ...facts } = last.head
    const kept = new Map<WorkspaceId, string>()
    let found = 0
    for (; found < parts; found++) {
      const subject = subjects.configPart(facts.revision, found)
      const part = await nats.jsm.direct.getMessage(streams.config, { last_by_subj: subject })
      if (part === null) break
      for (const line of gunzipSync(part.data).toString().split("\n")) {
        const space = line.indexOf(" ")
        if (space >= 0) kept.set(line.slice(0, space), line.slice(space + 1))
      }
    }
    if (found === parts) return { facts, kept }
  }
  throw new Error("it is replaced faster than it can be read")
}

const waiting = async (nats: NatsShape, workspace: WorkspaceId): Promise<ReadonlyMap<string, number>> => {
  const counts = new Map<string, number>()
  for (const filter of subjects.waiting(workspace)) {
    for (const [subject, count] of Object.entries(await subjectsIn(nats, streams.deliveries, filter))) {
      const connection = subject.split(".")[3]!
      counts.set(connection, (counts.get(connection) ?? 0) + count)
    }
  }
  return counts
}
