/**
 * The connector kit: what the author of a connector imports. A connector is defined once, as a value; calling it with settings makes a
 * connection for `defineConfig`.
 */
import * as Schema from "effect/Schema"
import * as SchemaTransformation from "effect/SchemaTransformation"
import type { OAuthSetting, Token } from "../model/auth.ts"
import {
  connectionOptionKeys,
  type Action,
  type Connection,
  type ConnectionOptions,
  type ConnectionTest,
  type ConnectorDefinition,
  type ListOf,
  type Resolved,
  type SecretRef,
} from "../model/connector.ts"
import { secretNamePattern } from "../model/secret-ref.ts"

/**
 * A reference to a secret: in the vault of the connection's workspace, else the environment variable `name`, else the content of the file
 * that `name_FILE` names. The value is looked up when the runtime needs it; the config never holds it.
 *
 * @example webhook({ url: "https://example.com/in", secret: secret("ACME_WEBHOOK_SECRET") })
 */
export const secret = (name: string): SecretRef => ({ _tag: "Secret", name })

/** The schema of a settings field that holds a secret: it takes `secret("NAME")` and nothing else. */
export const SecretField: Schema.Codec<SecretRef, SecretRef> = Schema.declare(
  (value): value is SecretRef =>
    typeof value === "object" &&
    value !== null &&
    (value as SecretRef)._tag === "Secret" &&
    secretNamePattern.test((value as SecretRef).name),
  {
    expected: 'secret("NAME"), a reference: secrets are never written into a config',
    // In documents: the secret's name, marked for what it is.
    toCodecJson: () =>
      Schema.link<SecretRef>()(
        Schema.String.annotate({ format: "secret" }),
        SchemaTransformation.transform({ decode: secret, encode: ({ name }) => name }),
      ),
  },
)

const OAuthWords = Schema.Struct({
  grant: Schema.optionalKey(Schema.Literals(["authorization_code", "client_credentials"])),
  clientId: Schema.Union([Schema.String, SecretField]),
  clientSecret: SecretField,
  scopes: Schema.optionalKey(Schema.Array(Schema.String)),
  authorizeUrl: Schema.optionalKey(Schema.String),
  tokenUrl: Schema.optionalKey(Schema.String),
  revokeUrl: Schema.optionalKey(Schema.String),
  tokenParams: Schema.optionalKey(Schema.Record(Schema.String, Schema.String)),
})

/**
 * The schema of the setting `auth` of a connector that knows OAuth: `"oauth"`, with the app's id and secret in the secrets that the
 * connector names, or `{ clientId, clientSecret, … }`.
 */
export const OAuthField: Schema.Codec<"oauth" | OAuthSetting, "oauth" | OAuthSetting> = Schema.Union([
  Schema.Literal("oauth"),
  OAuthWords,
]) as any

/** What `defineConnector` takes. `In` are the actions' inputs, `Maps` whether each needs a mapping: both are inferred. */
export interface ConnectorInput<
  Settings extends Schema.Codec<any, any>,
  In extends { readonly [action: string]: unknown },
  Maps extends { readonly [action: string]: object },
  Default extends string,
> extends Omit<
  ConnectorDefinition<Settings["Type"]>,
  "settings" | "actions" | "defaultAction" | "checkResolved" | "baseUrl" | "test" | "lists"
> {
  readonly settings: Settings
  readonly baseUrl?: string | ((settings: Resolved<Settings["Type"]>, token: Token | undefined) => string)
  readonly test?: ConnectionTest<Resolved<Settings["Type"]>>
  readonly lists?: { readonly [name: string]: ListOf<Resolved<Settings["Type"]>> }
  readonly checkResolved?: (
    settings: Resolved<Settings["Type"]>,
  ) => ReturnType<NonNullable<ConnectorDefinition["check"]>>
  readonly actions: { readonly [A in keyof In]: Action<Resolved<Settings["Type"]>, In[A]> } & Maps
  readonly defaultAction?: Default
}

type MapOf<A> = A extends { readonly map: infer M extends "required" | "optional" } ? M : "required"

/**
 * Defines a connector. Gives the function that a config calls with the connection's settings and options.
 *
 * @example
 * const pager = defineConnector({
 *   name: "pager", title: "Pager", description: "Pages whoever is on call.",
 *   settings: Schema.Struct({ token: SecretField }),
 *   defaultAction: "page",
 *   actions: {
 *     page: {
 *       title: "Page", map: "required", input: Schema.Struct({ text: Schema.String }),
 *       request: (input, { settings }) => ({
 *         method: "POST", url: "https://pager.example/v1/pages",
 *         headers: { authorization: `Bearer ${settings.token}`, "content-type": "application/json" },
 *         body: JSON.stringify(input),
 *       }),
 *     },
 *   },
 * })
 */
export const defineConnector = <
  Settings extends Schema.Codec<any, any>,
  In extends { readonly [action: string]: unknown },
  const Maps extends { readonly [action: string]: object },
  const Default extends string = never,
>(
  definition: ConnectorInput<Settings, In, Maps, Default>,
) => {
  const connector = definition as unknown as ConnectorDefinition
  return (
    settings: Settings["Encoded"] & ConnectionOptions,
  ): Connection<{
    readonly inputs: In
    readonly maps: { readonly [A in keyof Maps]: MapOf<Maps[A]> }
    readonly defaultAction: Default
  }> => {
    const own: Record<string, unknown> = {}
    const options: Record<string, unknown> = {}
    for (const [key, value] of Object.entries(settings as object)) {
      if ((connectionOptionKeys as ReadonlyArray<string>).includes(key)) options[key] = value
      else own[key] = value
    }
    return { _tag: "Connection", connector, settings: own, options: options as ConnectionOptions }
  }
}
