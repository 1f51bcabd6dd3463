/**
 * What every check of a config is made of: values taken apart with all that is wrong with them noted down, each with its path, its
 * value and what would be right.
 */
import type { Issue } from "../model/errors.ts"
import { nearest } from "../model/nearest.ts"
import { durationForm, parseDuration } from "./duration.ts"

export type Path = ReadonlyArray<string | number>

/** Characters of a value that a message shows. */
const shownCharacters = 60

/** A value as a message shows it: scalars as they are, structures by what they are (they may hold what nobody should see). */
export const shown = (value: unknown): string => {
  switch (typeof value) {
    case "string":
      return JSON.stringify(value.length > shownCharacters ? `${value.slice(0, shownCharacters)}…` : value)
    case "object":
      return value === null ? "null" : Array.isArray(value) ? "a list" : "an object"
    case "function":
      return "a function"
    case "undefined":
      return "nothing"
    default:
      return String(value)
  }
}

/** `; did you mean "lead.created"?`, or what there is to choose from, or nothing. */
export const hint = (name: string, known: ReadonlyArray<string>): string => {
  const near = nearest(name, known)
  if (near !== undefined) return `; did you mean "${near}"?`
  if (known.length === 0) return ""
  const some = known.slice(0, 8).map((one) => `"${one}"`)
  return `; there is ${some.join(", ")}${known.length > some.length ? ` and ${known.length - some.length} more` : ""}`
}

export class Checker {
  readonly issues: Array<Issue> = []
  readonly #shared = new Map<string, object>()

  note(path: Path, message: string): undefined {
    this.issues.push({ path, message })
    return undefined
  }

  /** One object for all that are made of the same: of a loop's workspaces, most are. @param content all that `made` holds */
  shared<A extends object>(content: string, made: A): A {
    const known = this.#shared.get(content)
    if (known !== undefined) return known as A
    this.#shared.set(content, made)
    return made
  }

  /** An object; unknown keys are noted where `keys` are given. */
  object(value: unknown, path: Path, keys?: ReadonlyArray<string>): { readonly [key: string]: unknown } | undefined {
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      return this.note(path, `expected an object, got ${shown(value)}`)
    }
    if (keys !== undefined) {
      for (const key of Object.keys(value)) {
        if (!keys.includes(key)) this.note([...path, key], `"${key}" is not known here${hint(key, keys)}`)
      }
    }
    return value as { readonly [key: string]: unknown }
  }

  /** The entries of an object that may be left out. */
  entries(value: unknown, path: Path): ReadonlyArray<readonly [string, unknown]> {
    return value === undefined ? [] : Object.entries(this.object(value, path) ?? {})
  }

  list(value: unknown, path: Path): ReadonlyArray<unknown> | undefined {
    return Array.isArray(value) ? value : this.note(path, `expected a list, got ${shown(value)}`)
  }

  text(value: unknown, path: Path): string | undefined {
    if (typeof value === "string" && value !== "") return value
    return this.note(path, `expected a text, got ${value === "" ? "an empty one" : shown(value)}`)
  }

  optionalText(value: unknown, path: Path): string | undefined {
    return value === undefined ? undefined : this.text(value, path)
  }

  number(
    value: unknown,
    path: Path,
    bounds: { readonly min: number; readonly max: number; readonly whole?: boolean },
  ): number | undefined {
    const whole = bounds.whole ?? true
    const fits =
      typeof value === "number" &&
      value >= bounds.min &&
      value <= bounds.max &&
      (whole ? Number.isSafeInteger(value) : Number.isFinite(value))
    if (fits) return value
    return this.note(
      path,
      `expected a ${whole ? "whole " : ""}number from ${bounds.min} to ${bounds.max}, got ${shown(value)}`,
    )
  }

  duration(value: unknown, path: Path, maxMs: number): number | undefined {
    const ms = parseDuration(value)
    if (ms === undefined) return this.note(path, `expected ${durationForm}, got ${shown(value)}`)
    return ms > 0 && ms <= maxMs
      ? ms
      : this.note(path, `${shown(value)} is out of range: more than 0, at most ${maxMs / 1000} seconds`)
  }

  oneOf<const A extends string>(value: unknown, path: Path, known: ReadonlyArray<A>): A | undefined {
    if (known.includes(value as A)) return value as A
    return this.note(path, `${shown(value)} is not one of ${known.map((one) => `"${one}"`).join(", ")}`)
  }

  /** The name of something declared elsewhere. */
  reference(value: unknown, path: Path, what: string, known: ReadonlyArray<string>): string | undefined {
    const name = this.text(value, path)
    if (name === undefined || known.includes(name)) return name
    return this.note(path, `no ${what} "${name}"${hint(name, known)}`)
  }
}
