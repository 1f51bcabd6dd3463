/**
 * A secret as a config names it, and what a value looks like when its secrets are in place.
 */

/** Names of secrets: those of environment variables. */
export const secretNamePattern = /^[A-Za-z_][A-Za-z0-9_]{0,127}$/

/** A reference to a secret, never its value: looked up in the vault, then the environment (`NAME`, `NAME_FILE`). */
export interface SecretRef {
  readonly _tag: "Secret"
  readonly name: string
}

/** `T` with every secret reference replaced by its value: what an action is given. */
export type Resolved<T> = T extends SecretRef
  ? string
  : T extends (...args: ReadonlyArray<never>) => unknown
    ? T
    : T extends object
      ? { readonly [K in keyof T]: Resolved<T[K]> }
      : T
