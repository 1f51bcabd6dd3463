/**
 * What a connector is: a value. Its name, the schema of its settings, and its actions, each with the schema of its input and a
 * pure function from input to HTTP request (or an Effect, for what is not HTTP). Everything else is derived from it: the types in
 * `defineConfig`, validation with paths, the reference pages.
 */
import type * as Effect from "effect/Effect"
import type * as Schema from "effect/Schema"
import type { Event } from "./event.ts"
import type { Outcome } from "./outcome.ts"

export type { Resolved, SecretRef } from "./secret-ref.ts"

/** A string such as `"30 seconds"`, `"5 minutes"`, `"12 hours"`. */
export type DurationText = `${number} ${"milli" | "second" | "minute" | "hour" | "day"}${"" | "s"}`

/** How a connection retries. Defaults: `config/defaults.ts`. */
export interface RetryOptions {
  /** How often a delivery is tried at the most, the first attempt included. */
  readonly attempts?: number
  /** Wait before the second attempt. */
  readonly initial?: DurationText
  /** Each wait is the one before it times this. */
  readonly factor?: number
  /** The longest wait. */
  readonly max?: DurationText
  /** Share of the wait that is random, 0 to 1: 0.1 is ± 10 %. */
  readonly jitter?: number
}

/** Defaults: `config/defaults.ts`. */
export interface CircuitOptions {
  /** It opens after so many failures in a row. Default: 10. */
  readonly failures?: number
  /** Or when this share of its last 100 attempts failed, of at least 50. Default: 0.5. */
  readonly rate?: number
  /** How long it stays open before one delivery is tried; twice as long each time that fails. Default: 5 seconds. */
  readonly wait?: DurationText
  /** The longest such wait. Default: 1 minute. */
  readonly maxWait?: DurationText
}

/** What every connection may say about how it is driven, beside its connector's own settings. */
export interface ConnectionOptions {
  /** Attempts under way at once. */
  readonly concurrency?: number
  /** Attempts begun per time. */
  readonly rateLimit?: { readonly limit: number; readonly per: DurationText }
  /**
   * Deliveries that are sent one after the other, in the order of their events: `connection`, all of them; `{ key }`, those for which
   * the JSONata expression over the event gives the same text, number or boolean, while keys go side by side. A delivery that waits for
   * a retry holds back those behind it until it is delivered or dead. An event without a key keeps no order. Default: `none`.
   */
  readonly ordering?: "none" | "connection" | { readonly key: string }
  /**
   * When the connection's circuit opens, so that deliveries wait in the log instead of using up their attempts. `false`: never.
   */
  readonly circuit?: CircuitOptions | false
  readonly retry?: RetryOptions
  /** How long one attempt may take, from looking up the address to the end of the answer. */
  readonly timeout?: DurationText
  /** Allow addresses of private networks and of this machine. Default: refused (`blocked`). */
  readonly allowPrivateNetwork?: boolean
}

export const connectionOptionKeys = [
  "concurrency",
  "rateLimit",
  "ordering",
  "circuit",
  "retry",
  "timeout",
  "allowPrivateNetwork",
] as const satisfies ReadonlyArray<keyof ConnectionOptions>

export interface HttpRequest {
  readonly method: string
  readonly url: string
  /** Names in lower case. `user-agent` is added. */
  readonly headers: { readonly [name: string]: string }
  readonly body?: Uint8Array | string
  /** The address as it may be shown, where `url` itself holds a secret. */
  readonly shown?: string
}

export interface HttpResponse {
  readonly status: number
  readonly headers: { readonly [name: string]: string | ReadonlyArray<string> | undefined }
  /** The head of the body, at most `limits.responseBodyRead` bytes. */
  readonly body: string
}

/** What an action sees of the delivery it makes an attempt for. */
export interface ActionContext<Settings> {
  /** With secrets resolved. */
  readonly settings: Settings
  readonly event: Event
  /** The event's envelope as stored: pass it on as it is rather than printing `event` again. */
  readonly envelope: Uint8Array
  readonly delivery: {
    readonly id: string
    /** The event's id and type: without looking into `event`, which is parsed only when somebody does. */
    readonly event: string
    readonly type: string
    readonly workspace: string
    readonly rule: string
    readonly connection: string
    /** 1 for the first. */
    readonly attempt: number
    readonly replay?: string
    readonly traceparent?: string
  }
  /** Milliseconds since 1970, when this attempt began. */
  readonly now: number
}

/** What the runtime lends to an action that is not one HTTP request. */
export interface Host {
  /** Publish to a NATS server: the runtime's own, or the ones named. */
  readonly nats: (message: {
    readonly servers?: ReadonlyArray<string>
    readonly credentials?: { readonly user?: string; readonly password?: string; readonly token?: string }
    readonly subject: string
    readonly body: Uint8Array
    readonly headers: { readonly [name: string]: string }
    /** `true`: wait for a stream's acknowledgement; `false`: for the server's. */
    readonly acknowledged: boolean
  }) => Effect.Effect<Outcome>
  /** Write a line where a person at the terminal sees it. */
  readonly print: (line: string) => Effect.Effect<void>
}

interface ActionBase<Input> {
  readonly title: string
  readonly description?: string
  /** What the mapping must produce. */
  readonly input: Schema.Codec<Input, any>
  /** `optional`: a rule may leave `map` out; `input` is then `undefined` and the action sends the event itself. */
  readonly map: "required" | "optional"
}

/** An action that is one HTTP request. */
export interface RequestAction<Settings, Input> extends ActionBase<Input> {
  readonly request: (input: Input | undefined, context: ActionContext<Settings>) => HttpRequest
  /** What the vendor's answer means. Default: `httpOutcome`. */
  readonly outcome?: (response: HttpResponse, now: number) => Outcome
}

/** An action that is something else. */
export interface RunAction<Settings, Input> extends ActionBase<Input> {
  readonly run: (input: Input | undefined, context: ActionContext<Settings>, host: Host) => Effect.Effect<Outcome>
  /** What `meshes explain` shows instead of running it. */
  readonly preview: (input: Input | undefined, context: ActionContext<Settings>) => unknown
}

export type Action<Settings, Input> = RequestAction<Settings, Input> | RunAction<Settings, Input>
export type AnyAction = Action<any, any>

export interface ConnectorDefinition<
  Settings = any,
  Actions extends { readonly [name: string]: AnyAction } = { readonly [name: string]: AnyAction },
> {
  /** The connector's name in config errors, docs and the API: `webhook`. */
  readonly name: string
  readonly title: string
  readonly description: string
  readonly settings: Schema.Codec<Settings, any>
  readonly actions: Actions
  /** Rules that no schema of one field can say. Settings still hold secret references here. */
  readonly check?: (
    settings: Settings,
  ) => ReadonlyArray<{ readonly path: ReadonlyArray<string | number>; readonly message: string }>
  /** Rules about secrets' values; `path` and `message` never hold the value. Checked at start and when a lane opens. */
  readonly checkResolved?: (
    settings: any,
  ) => ReadonlyArray<{ readonly path: ReadonlyArray<string | number>; readonly message: string }>
  /** The action a rule means when it names none. */
  readonly defaultAction?: keyof Actions & string
}

/** What the types of a config need to know of a connection: its actions' inputs, which of them need a mapping, and the default. */
export interface ConnectionTypes {
  readonly inputs: { readonly [action: string]: unknown }
  readonly maps: { readonly [action: string]: "required" | "optional" }
  readonly defaultAction: string
}

/** A connection as written in the config: a connector with settings. Checked at load, not here. */
export interface Connection<Types extends ConnectionTypes = any> {
  readonly _tag: "Connection"
  readonly connector: ConnectorDefinition
  readonly settings: unknown
  readonly options: ConnectionOptions
  /** Never there: it carries types. */
  readonly types?: Types
}
