/**
 * How a vendor is told who is asking: what a connector says of it, as data, so that requests, checks, masking, reference pages and the
 * OAuth flow all follow from the same words. A connector that offers several ways lists them; the first whose settings are given is used.
 */
import type { SecretRef } from "./secret-ref.ts"

/** A setting's name, or a text that is always the same. */
export type SettingOr = string | { readonly always: string }

export type Auth =
  | { readonly kind: "none" }
  /** `authorization: Bearer <setting>`. */
  | { readonly kind: "bearer"; readonly setting: string }
  /** A key in a header or the query. `prefix` stands before it: `"Token "`. */
  | {
      readonly kind: "apiKey"
      readonly setting: string
      readonly in: "header" | "query"
      readonly name: string
      readonly prefix?: string
    }
  /** `authorization: Basic …` (RFC 7617). */
  | { readonly kind: "basic"; readonly username: SettingOr; readonly password: SettingOr }
  | OAuth2
  /** The connector's own requests carry it (a signature, a secret address). `settings`: what it needs of them. */
  | { readonly kind: "custom"; readonly settings: ReadonlyArray<string>; readonly description: string }

/** OAuth 2.0 (RFC 6749). The customer brings their own app: its id and secret are in the connection's `auth` setting. */
export interface OAuth2 {
  readonly kind: "oauth2"
  readonly grant: "authorization_code" | "client_credentials"
  /** Where a person says yes; absent for `client_credentials`. */
  readonly authorizeUrl?: string
  readonly tokenUrl: string
  /** RFC 7009, where the vendor has it. */
  readonly revokeUrl?: string
  /** What the connector's actions need, when the connection does not say. */
  readonly scopes: ReadonlyArray<string>
  /** Default: a space (RFC 6749 §3.3). */
  readonly scopeSeparator?: string
  /** Whether PKCE (RFC 7636, S256) is sent. Default: true; a vendor that refuses it from confidential clients says false. */
  readonly pkce?: boolean
  /** How the app proves itself at the token address. Default: `body` (`client_id`, `client_secret`); `basic`: RFC 6749 §2.3.1. */
  readonly clientAuth?: "body" | "basic"
  /** More parameters for the person's page, such as `access_type`. */
  readonly authorizeParams?: { readonly [name: string]: string }
  /** More parameters for the token address; `grant_type` may be another vendor's word. */
  readonly tokenParams?: { readonly [name: string]: string }
  /** How long a token lives when the answer has no `expires_in`, in milliseconds. Absent: until the vendor refuses it. */
  readonly lifetimeMs?: number
  /** Fields of the token's answer that requests need (`instance_url`), kept beside the token. */
  readonly keep?: ReadonlyArray<string>
  /** Where in a token's answer an error stands though its status is 200, as some vendors do: gives the message, or nothing. */
  readonly refusedIn?: (answer: { readonly [field: string]: unknown }) => string | undefined
  /** Names of the secrets that the app's id and secret are looked up by when the connection says only `auth: "oauth"`. */
  readonly clientId: string
  readonly clientSecret: string
}

/** The `auth` setting of a connection that uses OAuth, written out. */
export interface OAuthSetting {
  /** Which of the connector's grants, where it has several. Default: its first. */
  readonly grant?: OAuth2["grant"]
  readonly clientId: string | SecretRef
  readonly clientSecret: SecretRef
  /** Default: the connector's. */
  readonly scopes?: ReadonlyArray<string>
  /** Where the vendor's own pages are, when they are the customer's (a sandbox, a domain of their own). */
  readonly authorizeUrl?: string
  readonly tokenUrl?: string
  readonly revokeUrl?: string
  /** More parameters for the token address, such as `account_id`. */
  readonly tokenParams?: { readonly [name: string]: string }
}

/** What requests are made with once a connection is authorized. */
export interface Token {
  readonly accessToken: string
  /** The fields that the connector asked to keep. */
  readonly kept: { readonly [field: string]: string }
}
