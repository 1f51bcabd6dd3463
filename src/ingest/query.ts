/**
 * What a list is asked for: filters and pages, read from the query of an address. All that is wrong is said at once, each with its path and
 * what is taken instead; a parameter that is not known is wrong, since a filter that is overlooked shows too much.
 */
import * as Result from "effect/Result"
import { limits } from "../config/defaults.ts"
import { isTime, show } from "../model/envelope.ts"
import type { Issue } from "../model/errors.ts"
import { nearest } from "../model/nearest.ts"
import { statuses, statusNamed, type Status } from "../model/status.ts"
import { inputProblem, type Problem } from "./problem.ts"

/** Reads one value, or says what it should be. */
export type Reader<A> = (text: string) => Result.Result<A, string>

export type Readers = { readonly [name: string]: Reader<unknown> }

/** Absent: it was not asked for. */
export type QueryOf<R extends Readers> = {
  readonly [K in keyof R]?: R[K] extends Reader<infer A> ? A | undefined : never
}

/** @param url with or without what is before the query */
export const readQuery = <R extends Readers>(url: string, readers: R): Result.Result<QueryOf<R>, Problem> => {
  const from = url.indexOf("?")
  const given = new URLSearchParams(from < 0 ? "" : url.slice(from + 1))
  const issues: Array<Issue> = []
  const values: Record<string, unknown> = {}
  for (const name of new Set(given.keys())) {
    const [text, ...more] = given.getAll(name)
    const reader = Object.hasOwn(readers, name) ? readers[name] : undefined
    if (reader === undefined) issues.push({ path: [shortened(name)], message: unknownName(name, Object.keys(readers)) })
    else if (more.length > 0) issues.push({ path: [name], message: "is given more than once: give it once" })
    else if (text!.length > limits.queryValueCharacters) {
      issues.push({ path: [name], message: `is longer than ${limits.queryValueCharacters} characters` })
    } else {
      const value = reader(text!)
      if (Result.isSuccess(value)) values[name] = value.success
      else issues.push({ path: [name], message: `is ${show(text)}: it must be ${value.failure}` })
    }
  }
  const { from: first, to: last } = values as { readonly from?: number; readonly to?: number }
  if (first !== undefined && last !== undefined && first >= last) {
    issues.push({ path: ["to"], message: "is not later than from: nothing lies between them" })
  }
  return issues.length === 0
    ? Result.succeed(values as QueryOf<R>)
    : Result.fail(inputProblem(400, issues.slice(0, limits.issuesShown), ["query"]))
}

/** For calls that take no parameters. */
export const noQuery = {} as const

const shortened = (name: string): string => (name.length > 64 ? `${name.slice(0, 64)}…` : name)

const unknownName = (name: string, known: ReadonlyArray<string>): string => {
  if (known.length === 0) return "is no parameter of this call: it takes none"
  const meant = nearest(name, known)
  return `is no parameter of this call: ${meant === undefined ? `it takes ${known.join(", ")}` : `did you mean ${meant}?`}`
}

export const textReader: Reader<string> = (text) =>
  text.length > 0 ? Result.succeed(text) : Result.fail("a text that is not empty; leave the parameter out otherwise")

/** RFC 3339, in milliseconds since 1970. */
export const timeReader: Reader<number> = (given) => {
  // A + that was not escaped arrives as a space.
  const text = given.replace(/ (?=\d\d:\d\d$)/, "+")
  return isTime(text)
    ? Result.succeed(Date.parse(text))
    : Result.fail('an RFC 3339 time, such as "2026-01-31T09:30:00Z"')
}

export const oneOfReader =
  <A extends string>(names: ReadonlyArray<A>): Reader<A> =>
  (text) => {
    const found = names.find((name) => name === text)
    return found === undefined ? Result.fail(`one of ${names.join(", ")}`) : Result.succeed(found)
  }

/** One status or several with commas between them, by any of their names. */
export const statusReader: Reader<ReadonlyArray<Status>> = (text) => {
  const found = text.split(",").map((name) => statusNamed(name.trim()))
  return found.every((status) => status !== undefined)
    ? Result.succeed([...new Set(found)])
    : Result.fail(`one or several of ${statuses.join(", ")}, with commas between them`)
}

export const limitReader: Reader<number> = (text) => {
  const limit = /^\d{1,6}$/.test(text) ? Number(text) : 0
  return limit >= 1 && limit <= limits.pageRecords
    ? Result.succeed(limit)
    : Result.fail(`a whole number from 1 to ${limits.pageRecords}`)
}
