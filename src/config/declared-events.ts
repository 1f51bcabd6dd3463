/**
 * What the type of a config says of its events: which types there are, and what each one's payload is as a publisher writes it. Types
 * alone and without imports, so that a browser's program can have them.
 */

/** A config by its type, as far as events go: what `defineConfig` gives. */
export interface DeclaringEvents {
  readonly "~events"?: { readonly shared: any; readonly own: any }
}

/** A payload of which nothing is declared. */
export interface OpenPayload {
  readonly [key: string]: unknown
}

type Shared<C extends DeclaringEvents> = NonNullable<C["~events"]>["shared"]
type Own<C extends DeclaringEvents> = NonNullable<C["~events"]>["own"]

/** The names of a config's workspaces. */
export type WorkspaceOf<C extends DeclaringEvents> = keyof Own<C> & string

/** The event types that one of these workspaces knows: the shared ones, and their own. */
export type EventTypeOf<C extends DeclaringEvents, W extends string> =
  | (keyof Shared<C> & string)
  | KeysOf<Own<C>[WithOwn<Own<C>, W>]>

type KeysOf<Types> = Types extends Types ? keyof Types & string : never

/** Those of the workspaces that have types of their own. In a config of hundreds, few: all that is asked by type is asked of these. */
type WithOwn<O, W> = W extends keyof O ? (unknown extends O[W] ? never : W) : never

/** Those of them that have this one. */
type WithType<O, W, T> = W extends keyof O ? (T extends keyof O[W] ? W : never) : never

/** What a publisher writes as the payload of such an event in one of these workspaces: what its schema takes, before it decodes. */
export type PayloadOf<C extends DeclaringEvents, W extends string, T extends string> = PayloadIn<
  C,
  W,
  T,
  WithType<Own<C>, WithOwn<Own<C>, W>, T>
>

/** A workspace's own type stands for the shared one of its name. */
type PayloadIn<C extends DeclaringEvents, W, T, Having> =
  | (Having extends Having ? Payload<Own<C>[Having & keyof Own<C>][T & string]> : never)
  | ([W] extends [Having] ? never : T extends keyof Shared<C> ? Payload<Shared<C>[T]> : never)

type Payload<Declared> = Declared extends { readonly schema: infer S } ? ObjectOr<InputOf<S>> : OpenPayload

/** A payload is an object, whatever little is known of it. */
type ObjectOr<Input> = unknown extends Input ? OpenPayload : Input

/** An Effect Schema's encoded side, a Standard Schema's input, or what a JSON Schema allows. */
type InputOf<S> = S extends { readonly Encoded: infer E; readonly ast: unknown }
  ? E
  : S extends { readonly "~standard": { readonly types?: infer T } }
    ? NonNullable<T> extends { readonly input: infer I }
      ? I
      : unknown
    : FromJson<S>

interface ByName {
  readonly string: string
  readonly number: number
  readonly integer: number
  readonly boolean: boolean
  readonly null: null
  readonly object: OpenPayload
  readonly array: ReadonlyArray<unknown>
}

/** The common keywords, where they are written out in the config; of all else nothing is known. */
type FromJson<S> = S extends { readonly $ref: unknown } | { readonly allOf: unknown }
  ? unknown
  : S extends { readonly const: infer V }
    ? V
    : S extends { readonly enum: ReadonlyArray<infer V> }
      ? V
      : S extends { readonly anyOf: ReadonlyArray<infer B> } | { readonly oneOf: ReadonlyArray<infer B> }
        ? FromJson<B>
        : S extends { readonly type: "object"; readonly properties: infer P }
          ? FromProperties<P, S extends { readonly required: ReadonlyArray<infer R> } ? R : never> & Additional<S>
          : S extends { readonly type: "array"; readonly items: infer I }
            ? ReadonlyArray<FromJson<I>>
            : S extends { readonly type: keyof ByName }
              ? ByName[S["type"]]
              : S extends { readonly type: ReadonlyArray<infer K extends keyof ByName> }
                ? ByName[K]
                : unknown

type FromProperties<P, Required> = { readonly [K in keyof P as K extends Required ? K : never]: FromJson<P[K]> } & {
  readonly [K in keyof P as K extends Required ? never : K]?: FromJson<P[K]>
}

/** As where expressions are checked: what is not declared is a mistake, unless the schema allows more in so many words. */
type Additional<S> = S extends { readonly additionalProperties: true } ? OpenPayload : unknown
