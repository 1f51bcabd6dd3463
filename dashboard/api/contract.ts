/**
 * The API's contract as types: every call by its method and path, with what it takes and answers. Types alone: nothing of the server
 * comes into the page.
 */
import type * as HttpApiEndpoint from "effect/http-api/HttpApiEndpoint"
import type * as Schema from "effect/Schema"
import type { Api } from "../../src/ingest/api.ts"

type Groups = (typeof Api)["groups"]
type Values<T> = T[keyof T]
type Endpoint = Values<{ [G in keyof Groups]: Values<Groups[G]["endpoints"]> }>

/** `GET /api/v1/workspaces`, … */
export type CallName = Endpoint extends infer E
  ? E extends { readonly method: infer M extends string; readonly path: infer P extends string }
    ? `${M} ${P}`
    : never
  : never

type Named<Name extends CallName> = Name extends `${infer M} ${infer P}`
  ? Extract<Endpoint, { readonly method: M; readonly path: P }>
  : never

/** None of the contract's schemas changes what it reads, so values are on the wire as their types say. */
type Value<S> = S extends Schema.Top ? S["Type"] : never
type Given<S> = [S] extends [never] ? undefined : Value<S>

/** What a call is given beside its name: the steps of its path, its query, its body. */
export interface CallInput<Name extends CallName> {
  readonly params?: Given<HttpApiEndpoint.Params<Named<Name>>>
  readonly query?: Given<HttpApiEndpoint.Query<Named<Name>>>
  readonly body?: Given<HttpApiEndpoint.Payload<Named<Name>>>
}

/** What it answers when it does what it was asked. */
export type CallOutput<Name extends CallName> = Value<HttpApiEndpoint.Success<Named<Name>>>

/** A record of a list. */
export type RecordOf<Name extends CallName> =
  CallOutput<Name> extends { readonly records: ReadonlyArray<infer R> } ? R : never

/** Calls that are lists with pages. */
export type ListName = {
  [Name in CallName]: CallOutput<Name> extends {
    readonly records: ReadonlyArray<unknown>
    readonly next_cursor: string | null
  }
    ? Name
    : never
}[CallName]
