/**
 * What is asked of a connection beside deliveries: whether it works, by a call that does no harm, and what there is to choose from.
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { limits } from "../config/defaults.ts"
import { completeRequest } from "../model/complete.ts"
import type { ApiRequest, HttpRequest } from "../model/connector.ts"
import type { Outcome, OutcomeKind } from "../model/outcome.ts"
import { aboutOf, shown, type Attempt, type Exchanged } from "./exchange.ts"
import { answerOf } from "./steps.ts"

export interface Tested {
  readonly outcome: Outcome
  /** What it means, in a line: whose account it is, or who is to do what. */
  readonly says: string
}

/** Makes the connector's harmless call. */
export const testConnection = (attempt: Attempt): Effect.Effect<Tested> => {
  const { connector } = attempt.connection.connection
  const { test } = connector
  if (test === undefined) {
    const outcome: Outcome = {
      kind: "rejected",
      permanent: true,
      message: `${connector.name} has no call that does no harm`,
    }
    return Effect.succeed({ outcome, says: `${outcome.message}: send it an event` })
  }
  return Effect.map(
    call(attempt, () => test.request(attempt.settings), test.outcome),
    (exchanged) => {
      const outcome = shown(exchanged, attempt)
      const said = exchanged.response === undefined ? undefined : test.says?.(answerOf(exchanged.response))
      return {
        outcome,
        says: outcome.kind === "delivered" ? (said ?? "it works") : `${advice[outcome.kind]}: ${outcome.message}`,
      }
    },
  )
}

/** Who acts, by what went wrong. */
const advice: { readonly [K in OutcomeKind]: string } = {
  delivered: "it works",
  rejected: "the vendor refuses the call; check the settings",
  server_error: "the vendor is unwell; try again later",
  rate_limited: "the vendor's limit is used up; try again later",
  auth_failed: "the vendor refuses the credentials; set new ones",
  timeout: "the vendor did not answer in time; try again later",
  network_error: "the vendor was not reached; check the address and the network",
  mapping_error: "the call cannot be made of these settings",
  blocked: "the address is not allowed",
  internal_error: "a bug, ours or the connector's",
}

export interface Choice {
  /** What an action's input takes. */
  readonly id: string
  readonly name: string
}

/** The choices of a list, all pages of it up to `limits.listPages`; or why they cannot be had. */
export const listChoices = (
  attempt: Attempt,
  id: string,
): Effect.Effect<Result.Result<ReadonlyArray<Choice>, Outcome>> =>
  Effect.gen(function* () {
    const { connector } = attempt.connection.connection
    const list = connector.lists?.[id]
    if (list === undefined) {
      const known = Object.keys(connector.lists ?? {}).join(", ")
      const message = `${connector.name} has no list "${id}"${known === "" ? "" : `; there are ${known}`}`
      return Result.fail({ kind: "rejected", permanent: true, message })
    }
    const choices: Array<Choice> = []
    let next: HttpRequest | ApiRequest | undefined = list.request(attempt.settings)
    for (let page = 0; next !== undefined && page < limits.listPages; page++) {
      const said: HttpRequest | ApiRequest = next
      const exchanged: Exchanged = yield* call(attempt, () => said)
      if (exchanged.outcome.kind !== "delivered") return Result.fail(shown(exchanged, attempt))
      const answer = answerOf(exchanged.response!)
      choices.push(...list.items(answer))
      next = list.next?.(answer, attempt.settings, said)
    }
    return Result.succeed(choices)
  })

const call = (
  attempt: Attempt,
  said: () => HttpRequest | ApiRequest,
  judge?: Parameters<Attempt["exchange"]>[0]["judge"],
): Effect.Effect<Exchanged> =>
  attempt.exchange({
    ...attempt,
    request: (token) => completeRequest(said(), { ...aboutOf(attempt), token }),
    judge,
    read: limits.longResponseRead,
  })
