/**
 * What a connector is: a value. Its name, the schema of its settings, how it proves who it is, and its actions, each with the schema of
 * its input and what is sent. Everything else is derived from it: the types in `defineConfig`, validation with paths, masking, requests
 * with credentials, batches, the reference pages and the API's list of integrations.
 */
import type * as Effect from "effect/Effect"
import type * as Schema from "effect/Schema"
import type { Auth, Token } from "./auth.ts"
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
  /**
   * Where all requests to the vendor's API go, instead of where the connector says: a region, a proxy, a mock. Connectors without one
   * refuse it.
   */
  readonly baseUrl?: string
  /** How ready deliveries go together, for actions that have a batch form. `false`: each by itself. */
  readonly batch?: BatchOptions | false
}

export interface BatchOptions {
  /** Deliveries of one call, at the most. Default, and bound: the vendor's limit. */
  readonly size?: number
  /** How long a delivery may wait for others. Default: 200 milliseconds. */
  readonly wait?: DurationText
}

export const connectionOptionKeys = [
  "concurrency",
  "rateLimit",
  "ordering",
  "circuit",
  "retry",
  "timeout",
  "allowPrivateNetwork",
  "baseUrl",
  "batch",
] as const satisfies ReadonlyArray<keyof ConnectionOptions>

/** A whole request, as it is sent. */
export interface HttpRequest {
  readonly method: string
  readonly url: string
  /** Names in lower case. `user-agent` is added. */
  readonly headers: { readonly [name: string]: string }
  readonly body?: Uint8Array | string
  /** The address as it may be shown, where `url` itself holds a secret. */
  readonly shown?: string
  /** `false`: not even redirects to the same origin are followed. */
  readonly redirects?: false
}

type QueryValue = string | number | boolean

/** A request to the connector's API: base URL, credentials, `accept` and `content-type` are added. */
export interface ApiRequest {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE"
  /** Below the base URL, beginning with `/`; what stands in it is escaped by `path`. */
  readonly path: string
  /** Another base URL than the connector's, for a vendor that has several hosts. The connection's own goes before both. */
  readonly base?: string
  /** What is `undefined` is left out; of a list, each is a parameter. */
  readonly query?: { readonly [name: string]: QueryValue | ReadonlyArray<QueryValue> | undefined }
  /** Names in lower case. */
  readonly headers?: { readonly [name: string]: string }
  /** Sent as JSON. */
  readonly json?: unknown
  /** Sent as `application/x-www-form-urlencoded`. */
  readonly form?: { readonly [name: string]: string }
  /** Sent as it is; say what it is in `content-type`. */
  readonly body?: Uint8Array | string
  /** `false`: without the connection's credentials. Default: true. */
  readonly auth?: boolean
}

/**
 * A request as data: `{field}` in the path is the input's field, escaped; fields named in `query` go there; the rest of the input is
 * the JSON body, unless the method has none.
 */
export interface RequestTemplate {
  readonly method: ApiRequest["method"]
  readonly path: string
  readonly query?: ReadonlyArray<string>
  /** The body is an object with the rest of the input below this name: `{ "contact": { … } }`. */
  readonly wrap?: string
  readonly headers?: { readonly [name: string]: string }
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
  /** Of a connection that is authorized by OAuth. */
  readonly token?: Token
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
  /** The vendor's page about it. */
  readonly docs?: string
  /** What the mapping must produce. Annotate fields with a `description`, and with `choices`, the name of a list to pick from. */
  readonly input: Schema.Codec<Input, any>
  /** An input, for the reference pages. */
  readonly example?: unknown
  /** `optional`: a rule may leave `map` out; `input` is then `undefined` and the action sends the event itself. Default: `required`. */
  readonly map?: "required" | "optional"
  /**
   * What a repeat of a delivery does: nothing, since the vendor knows the delivery's or event's id (`key`) or the record has a natural
   * key (`natural`); or the same thing again (`again`).
   */
  readonly repeat?: "key" | "natural" | "again"
  /** What the vendor's answer means. Default: the connector's. */
  readonly outcome?: Judge
}

/** What an answer means. `now`: milliseconds since 1970, to turn a time into a wait. */
export type Judge = (response: HttpResponse, now: number) => Outcome

/** An action that is one HTTP request. */
export interface RequestAction<Settings, Input> extends ActionBase<Input> {
  readonly request: RequestTemplate | ((input: Input, context: ActionContext<Settings>) => HttpRequest | ApiRequest)
}

export interface BatchItem<Settings, Input> {
  readonly input: Input
  readonly context: ActionContext<Settings>
}

/** An action of which many go in one call. A delivery that is alone goes as a batch of one, unless there is a `request` as well. */
export interface BatchAction<Settings, Input> extends ActionBase<Input> {
  readonly request?: (input: Input, context: ActionContext<Settings>) => HttpRequest | ApiRequest
  readonly batch: {
    /** Inputs of one call, at the most. */
    readonly max: number
    /** Bytes of their JSON together, or of their events without a mapping, at the most. Default: `limits.batchInputBytes`. */
    readonly maxBytes?: number
    /** Only inputs of which this is the same go together: those for one list, for one kind of object. */
    readonly together?: (input: Input) => string
    /** Inputs of which this is the same go in different calls, one after the other: two changes of one record. */
    readonly apart?: (input: Input) => string
    readonly request: (items: ReadonlyArray<BatchItem<Settings, Input>>) => HttpRequest | ApiRequest
    /**
     * What became of each, where the answer says so: an outcome for each, in their order, or nothing when the answer is about the
     * call as a whole. A call refused as a whole (`rejected`) is made again in halves, so that one bad input spoils no others.
     */
    readonly outcomes?: (
      answer: Answer,
      items: ReadonlyArray<BatchItem<Settings, Input>>,
      now: number,
    ) => ReadonlyArray<Outcome> | undefined
  }
}

/** An answer within an action of several calls. */
export interface Answer extends HttpResponse {
  /** The body as JSON; `undefined` when it is none. */
  readonly json: any
}

/**
 * Makes a call as the connection. An answer that is no success ends the attempt with the outcome it means, unless its status is among
 * `accept`. So does whatever happens instead of an answer.
 */
export type Call = (request: ApiRequest | HttpRequest, accept?: ReadonlyArray<number>) => Promise<Answer>

/** An action that takes several calls, such as looking an id up first. Each repeat of it begins with the first call. */
export interface StepsAction<Settings, Input> extends ActionBase<Input> {
  /** Gives an outcome; nothing: delivered, as the last answer said. */
  readonly steps: (input: Input, context: ActionContext<Settings>, call: Call) => Promise<Outcome | void>
}

/** An action that is not HTTP. */
export interface RunAction<Settings, Input> extends ActionBase<Input> {
  readonly run: (input: Input | undefined, context: ActionContext<Settings>, host: Host) => Effect.Effect<Outcome>
  /** What `meshes explain` shows instead of running it. */
  readonly preview: (input: Input, context: ActionContext<Settings>) => unknown
}

export type Action<Settings, Input> =
  | RequestAction<Settings, Input>
  | BatchAction<Settings, Input>
  | StepsAction<Settings, Input>
  | RunAction<Settings, Input>
export type AnyAction = Action<any, any>

/** A harmless call by which somebody sees whether a connection works. */
export interface ConnectionTest<Settings> {
  readonly request: (settings: Settings) => HttpRequest | ApiRequest
  /** Default: the connector's. */
  readonly outcome?: Judge
  /** What a good answer tells, in a line: whose account it is. */
  readonly says?: (answer: Answer) => string
}

/** Live choices: the audiences, channels or tags that there are. */
export interface ListOf<Settings> {
  readonly title: string
  readonly request: (settings: Settings) => HttpRequest | ApiRequest
  /** `id` is what the action's input takes. */
  readonly items: (answer: Answer) => ReadonlyArray<{ readonly id: string; readonly name: string }>
  /** The next page, if there is one. `asked`: what this page was asked for with. */
  readonly next?: (
    answer: Answer,
    settings: Settings,
    asked: HttpRequest | ApiRequest,
  ) => HttpRequest | ApiRequest | undefined
}

type Problems = ReadonlyArray<{ readonly path: ReadonlyArray<string | number>; readonly message: string }>

export interface ConnectorDefinition<
  Settings = any,
  Actions extends { readonly [name: string]: AnyAction } = { readonly [name: string]: AnyAction },
> {
  /** The connector's name in config errors, docs and the API: `webhook`. */
  readonly name: string
  readonly title: string
  readonly description: string
  /** The vendor's page about its API. */
  readonly docs?: string
  /** Secrets are `SecretField`s, and OAuth is an `OAuthField` named `auth`. */
  readonly settings: Schema.Codec<Settings, any>
  /** Ways to prove who is asking; the first whose settings are given is used. Exactly one must be. Default: none. */
  readonly auth?: ReadonlyArray<Auth>
  /** Of `ApiRequest`s. */
  readonly baseUrl?: string | ((settings: any, token: Token | undefined) => string)
  /** Headers of every `ApiRequest`, such as a version. Names in lower case. */
  readonly headers?: { readonly [name: string]: string }
  /** What the vendor allows, kept to by a connection that says nothing else. */
  readonly limits?: {
    readonly concurrency?: number
    readonly rateLimit?: { readonly limit: number; readonly per: DurationText }
    /** In words, with what cannot be kept to by a number. */
    readonly says?: string
  }
  readonly actions: Actions
  /** What an answer means, where an action does not say. Default: `httpOutcome`. */
  readonly outcome?: Judge
  readonly test?: ConnectionTest<any>
  readonly lists?: { readonly [name: string]: ListOf<any> }
  /** Rules that no schema of one field can say. Settings still hold secret references here. */
  readonly check?: (settings: Settings) => Problems
  /** Rules about secrets' values; `path` and `message` never hold the value. Checked at start and when a lane opens. */
  readonly checkResolved?: (settings: any) => Problems
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
