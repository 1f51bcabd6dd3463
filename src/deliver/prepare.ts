/**
 * From a delivery to what an attempt sends: finds the action in the config that is in force, makes its input by the mapping, and builds
 * the context. `meshes explain` uses the same, so what it shows is what is sent.
 */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { findRule } from "../config/find-rule.ts"
import type { ActionPlan, ConnectionPlan, Plan } from "../config/plan.ts"
import { completeRequest, expand, type Completing } from "../model/complete.ts"
import type { Token } from "../model/auth.ts"
import type { ActionContext, AnyAction, BatchAction, HttpRequest, RequestAction } from "../model/connector.ts"
import type { Delivery } from "../model/delivery.ts"
import type { Event } from "../model/event.ts"
import type { Outcome } from "../model/outcome.ts"

/** Where a delivery goes, by the config. */
export interface Target {
  readonly connection: ConnectionPlan
  readonly rule: ActionPlan
  readonly action: AnyAction
}

export interface Prepared {
  readonly action: AnyAction
  readonly input: unknown
  readonly context: ActionContext<any>
}

const permanent = (kind: Outcome["kind"], message: string): Outcome => ({ kind, message, permanent: true })

/** What the delivery was decided on may since have gone from the config: then it can never be sent as decided. */
export const findTarget = (plan: Plan, delivery: Delivery): Result.Result<Target, Outcome> => {
  const gone = (what: string) =>
    Result.fail(permanent("rejected", `${what} is no longer in the config; put it back and retry, or let it rest`))
  const workspace = plan.workspaces.get(delivery.workspace)
  if (workspace === undefined) return gone(`workspace "${delivery.workspace}"`)
  const connection = workspace.connections.get(delivery.connection)
  if (connection === undefined) return gone(`connection "${delivery.connection}"`)
  const rule = findRule(workspace, delivery.rule)
  const planned = rule?.actions[delivery.action]
  if (planned === undefined || planned.connection !== delivery.connection) {
    return gone(`action ${delivery.action} of rule "${delivery.rule}" on "${delivery.connection}"`)
  }
  const action = connection.connection.connector.actions[planned.action]
  if (action === undefined) return gone(`action "${planned.action}" of "${delivery.connection}"`)
  return Result.succeed({ connection, rule: planned, action })
}

/**
 * Maps the event to the action's input. Gives the outcome instead when that cannot be done: such a delivery is dead until somebody
 * mends the rule or the connector.
 *
 * @param settings the connection's, with secrets resolved
 */
export const prepare = async (
  target: Target,
  settings: unknown,
  delivery: Delivery,
  envelope: Uint8Array,
  now: number,
): Promise<Result.Result<Prepared, Outcome>> => {
  const context = new Context(settings, envelope, delivery, now)
  if (target.rule.map === undefined) return Result.succeed({ action: target.action, input: undefined, context })
  let mapped: unknown
  try {
    mapped = target.rule.map.evaluate(context.event)
    if (mapped instanceof Promise) mapped = await mapped
  } catch (cause) {
    return Result.fail(permanent("mapping_error", `the mapping failed: ${(cause as Error).message}`))
  }
  const decoded = decoderOf(target.action.input)(mapped)
  if (Result.isFailure(decoded)) {
    const what = decoded.failure.message.replaceAll("\n", " ")
    return Result.fail(permanent("mapping_error", `the mapping does not fit action "${target.rule.action}": ${what}`))
  }
  return Result.succeed({ action: target.action, input: decoded.success, context })
}

/**
 * The whole request of an action that makes one: with base URL and credentials. Throws what the connector throws: `UnfitInput` when the
 * input cannot be sent, all else is a bug.
 */
export const requestFor = (
  action: RequestAction<any, any> | BatchAction<any, any>,
  { input, context }: Pick<Prepared, "input" | "context">,
  about: Completing,
): HttpRequest => {
  const said =
    action.request === undefined
      ? (action as BatchAction<any, any>).batch.request([{ input, context }])
      : typeof action.request === "function"
        ? action.request(input, context)
        : expand(action.request, input)
  return completeRequest(said, about)
}

type Decoder = (value: unknown) => Result.Result<unknown, { readonly message: string }>

const decoders = new WeakMap<Schema.Top, Decoder>()

const decoderOf = (schema: Schema.Codec<unknown, unknown>): Decoder => {
  let decoder = decoders.get(schema)
  if (decoder === undefined) {
    decoder = schema === Schema.Unknown ? Result.succeed : Schema.decodeUnknownResult(schema, { errors: "all" })
    decoders.set(schema, decoder)
  }
  return decoder
}

/** The same attempt with another token. */
export const withToken = (context: ActionContext<any>, token: Token | undefined): ActionContext<any> =>
  token === undefined ? context : Object.create(context, { token: { value: token, enumerable: true } })

/** Parses the event only when somebody asks for it: a webhook without a mapping passes its bytes on. */
class Context implements ActionContext<unknown> {
  readonly settings: unknown
  readonly envelope: Uint8Array
  readonly delivery: ActionContext<unknown>["delivery"]
  readonly now: number
  #event: Event | undefined

  constructor(settings: unknown, envelope: Uint8Array, delivery: Delivery, now: number) {
    this.settings = settings
    this.envelope = envelope
    this.delivery = delivery
    this.now = now
  }

  get event(): Event {
    this.#event ??= JSON.parse(
      Buffer.from(this.envelope.buffer, this.envelope.byteOffset, this.envelope.length).toString(),
    )
    return this.#event!
  }
}
