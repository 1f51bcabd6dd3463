/**
 * Runs a connector's action as the runtime would, up to the request: settings decoded and checked, the input decoded, nothing sent.
 */
import * as Schema from "effect/Schema"
import { requestFor } from "../../src/deliver/prepare.ts"
import {
  httpOutcome,
  type ActionContext,
  type Connection,
  type Event,
  type HttpRequest,
  type HttpResponse,
  type Outcome,
} from "../../src/index.ts"

export const event = {
  id: "evt_1",
  type: "lead.created",
  workspace: "acme",
  time: "2026-01-31T09:30:00Z",
  payload: { name: "Ada" },
} as const

export const contextOf = (
  settings: unknown,
  more: Partial<ActionContext<any>["delivery"]> = {},
): ActionContext<any> => ({
  settings,
  event,
  envelope: Buffer.from(JSON.stringify(event)),
  delivery: {
    id: "dlv_1",
    event: event.id,
    type: event.type,
    workspace: event.workspace,
    rule: "r",
    connection: "c",
    attempt: 1,
    ...more,
  },
  now: Date.now(),
})

/** @param resolved the settings with secrets in place */
export const requestOf = (
  connection: Connection,
  resolved: unknown,
  options: {
    readonly action?: string
    readonly input?: unknown
    readonly delivery?: Partial<ActionContext<any>["delivery"]>
    readonly event?: Event
  } = {},
): HttpRequest => {
  const { connector } = connection
  const action = connector.actions[options.action ?? connector.defaultAction!]!
  if ("steps" in action || "run" in action) throw new Error("this action makes no single request")
  const input = options.input === undefined ? undefined : Schema.decodeUnknownSync(action.input)(options.input)
  const { baseUrl } = connection.options
  const about =
    options.event === undefined ? {} : { event: options.event, envelope: Buffer.from(JSON.stringify(options.event)) }
  return requestFor(
    action,
    { input, context: { ...contextOf(resolved, options.delivery), ...about } },
    { connector, settings: resolved, baseUrl },
  )
}

/** What the connector finds wrong with settings. */
export const problemsOf = ({ connector, settings }: Connection): ReadonlyArray<string> =>
  (connector.check?.(settings) ?? []).map(({ path, message }) => `${path.join(".")}: ${message}`)

/** What the connector takes an answer for. */
export const judged = ({ connector }: Connection, response: HttpResponse): Outcome =>
  (connector.outcome ?? httpOutcome)(response, Date.now())
