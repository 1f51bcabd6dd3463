/**
 * Several deliveries of one action in as few calls as the vendor allows. What goes together, and what must not, the action says. Each
 * delivery gets an outcome of its own: what the answer says of it, or what the call came to. A call that is refused as a whole is made
 * again in halves, so that one bad input spoils no others.
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { limits } from "../config/defaults.ts"
import { completeRequest } from "../model/complete.ts"
import type { BatchAction, BatchItem } from "../model/connector.ts"
import { isPermanent, type Outcome } from "../model/outcome.ts"
import { aboutOf, shown, type Attempt } from "./exchange.ts"
import { answerOf } from "./steps.ts"
import { requestFor, withToken, type Prepared } from "./prepare.ts"

/** What an attempt came to. */
export interface Attempted {
  /** One for each delivery, in their order. */
  readonly outcomes: ReadonlyArray<Outcome>
  /** What the connection itself is judged by: of a call that carried several, not what became of each. */
  readonly call: Outcome
  /** Calls that were made. */
  readonly calls: number
  /** Of the config that they were made by. */
  readonly revision?: string
}

type Batch = BatchAction<any, any>
type Item = BatchItem<any, any>

interface Place {
  /** Where it stands among the deliveries. */
  readonly index: number
  readonly item: Item
}

/** @param prepared those that failed before they could be sent have their outcome */
export const sendBatch = (
  action: Batch,
  prepared: ReadonlyArray<Result.Result<Prepared, Outcome>>,
  attempt: Attempt,
): Effect.Effect<Attempted> =>
  Effect.gen(function* () {
    const outcomes: Array<Outcome> = prepared.map((one) => Result.merge(one) as Outcome)
    const places = prepared.flatMap((one, index): ReadonlyArray<Place> =>
      Result.isSuccess(one) ? [{ index, item: { input: one.success.input, context: one.success.context } }] : [],
    )
    let calls = 0
    let call: Outcome | undefined
    const queue = [...partition(places, action, sizeOf(action, attempt))]
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      calls++
      const { whole, each } = yield* callOnce(action, next, attempt)
      // The connection is judged by what is worst for all of it.
      if (call === undefined || call.kind === "delivered" || call.kind === "rejected") call = whole
      const spoiled = whole.kind === "rejected" && isPermanent(whole) && whole.gone !== true
      if (each === undefined && spoiled && next.length > 1) {
        const half = Math.ceil(next.length / 2)
        queue.unshift(next.slice(0, half), next.slice(half))
        continue
      }
      for (const [i, { index }] of next.entries()) outcomes[index] = each?.[i] ?? whole
      // What the others of this attempt would be told too: they wait for their own.
      if (whole.kind !== "delivered" && !isPermanent(whole)) {
        for (const { index } of queue.flat()) outcomes[index] = { ...whole, shared: true }
        break
      }
      // The gate holds what comes after this attempt; the attempt holds itself.
      if (queue.length > 0 && whole.holdMs !== undefined)
        yield* Effect.sleep(Math.min(whole.holdMs, limits.batchHoldMs))
    }
    return { outcomes, call: call ?? outcomes[0]!, calls: Math.max(1, calls) }
  })

const sizeOf = ({ batch }: Batch, { connection }: Attempt): number =>
  connection.batch === false ? 1 : Math.min(batch.max, connection.batch.size ?? batch.max)

const callOnce = (action: Batch, places: ReadonlyArray<Place>, attempt: Attempt) => {
  const { batch } = action
  const items = places.map(({ item }) => item)
  return Effect.map(
    attempt.exchange({
      ...attempt,
      request: (token) => {
        const about = { ...aboutOf(attempt), token }
        const now = items.map(({ input, context }) => ({ input, context: withToken(context, token) }))
        return now.length === 1 ? requestFor(action, now[0]!, about) : completeRequest(batch.request(now), about)
      },
      judge: action.outcome,
      read: limits.longResponseRead,
    }),
    (exchanged) => {
      const { response } = exchanged
      const alone = items.length === 1 && action.request !== undefined
      const each = response === undefined || alone ? undefined : batch.outcomes?.(answerOf(response), items, Date.now())
      const { outcome } = exchanged
      // An answer that tells of each is the vendor's at its best.
      const whole: Outcome =
        each === undefined || outcome.kind === "delivered" ? outcome : { ...outcome, kind: "delivered" }
      const one = (it: Outcome): Outcome => {
        const { response: all, ...made } = exchanged
        const kept = shown(
          it.kind === "delivered" || all === undefined
            ? { ...made, outcome: it }
            : { ...made, response: all, outcome: it },
          attempt,
        )
        return items.length === 1 ? kept : { ...kept, shared: true }
      }
      return { whole: one(whole), each: each?.map(one) }
    },
  )
}

/** Calls: inputs that belong together, in their order, none of a kind twice, within the bounds of number and size. */
const partition = (
  places: ReadonlyArray<Place>,
  { batch }: Batch,
  size: number,
): ReadonlyArray<ReadonlyArray<Place>> => {
  const maxBytes = Math.min(batch.maxBytes ?? limits.batchInputBytes, limits.batchInputBytes)
  const calls: Array<{ together: string; bytes: number; places: Array<Place>; kinds: Set<string> }> = []
  for (const place of places) {
    const { input, context } = place.item
    const together = batch.together?.(input) ?? ""
    const kind = batch.apart?.(input)
    // Without a mapping the event itself goes.
    const bytes = input === undefined ? context.envelope.length : Buffer.byteLength(JSON.stringify(input))
    // Not before an earlier one of its kind: after the last call that has it.
    const after = kind === undefined ? -1 : calls.findLastIndex((call) => call.kinds.has(`${together} ${kind}`))
    let call = calls.find(
      (one, i) => i > after && one.together === together && one.places.length < size && one.bytes + bytes <= maxBytes,
    )
    if (call === undefined) {
      call = { together, bytes: 0, places: [], kinds: new Set() }
      calls.push(call)
    }
    call.places.push(place)
    call.bytes += bytes
    if (kind !== undefined) call.kinds.add(`${together} ${kind}`)
  }
  return calls.map((call) => call.places)
}
