/**
 * Pages of lists. A cursor says behind what a page begins: what was there stays where it was, whatever is added meanwhile. It is made of
 * what is the same on every replica, so that any of them can give the next page; for whoever holds it, it is a text that means nothing.
 */
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Result from "effect/Result"
import { limits } from "../config/defaults.ts"
import { limitReader, type Reader } from "./query.ts"

const notACursor = "next_cursor of the page before, from this same list; leave it out for the first page"

/** What tells the cursors of lists apart: one of another list is refused. */
type List = "events" | "deliveries" | "attempts" | "audit"

/** A cursor of numbers: a time, and what tells apart what is of the same time. */
export const positionCursor = (list: List, position: ReadonlyArray<number>): string =>
  `${list[0]}${list[1]}_${position.map((part) => part.toString(36)).join("_")}`

const positionReader =
  <A extends ReadonlyArray<number>>(list: List, length: A["length"]): Reader<A> =>
  (text) => {
    const position = text
      .split("_")
      .slice(1)
      .map((part) => (/^[0-9a-z]{1,11}$/.test(part) ? Number.parseInt(part, 36) : -1))
    // Only what was given out: written again, it is the same.
    return position.length === length && position.every(Number.isSafeInteger) && positionCursor(list, position) === text
      ? Result.succeed(position as unknown as A)
      : Result.fail(notACursor)
  }

const nameCursor = (name: string): string => `na_${Buffer.from(name).toString("base64url")}`

const nameReader: Reader<string> = (text) => {
  const name = Buffer.from(text.slice(3), "base64url").toString()
  return name !== "" && nameCursor(name) === text ? Result.succeed(name) : Result.fail(notACursor)
}

/** The parameters of a list that is read by position. */
export const positionPage = <A extends ReadonlyArray<number> = readonly [number, number]>(
  list: List,
  length: A["length"] = 2,
) => ({ limit: limitReader, cursor: positionReader<A>(list, length) })

/** The parameters of a list that is read by name. */
export const namePage = { limit: limitReader, cursor: nameReader }

/** A page as it is answered. */
export const listOf = (
  limit: number | undefined,
  next: string | undefined,
  records: ReadonlyArray<unknown>,
  about: { readonly as_of?: string | null } = {},
) => ({
  count: records.length,
  limit: limit ?? limits.pageRecordsDefault,
  next_cursor: next ?? null,
  ...about,
  records,
})

export const listResponse = (...of: Parameters<typeof listOf>): HttpServerResponse.HttpServerResponse =>
  HttpServerResponse.jsonUnsafe(listOf(...of))

export interface NamePage {
  readonly limit?: number | undefined
  readonly cursor?: string | undefined
}

/**
 * The part of a whole list that a page has, by the names of what is in it.
 *
 * @param order -1: the last name first, as ids made here are in the order of time
 */
export const pageByName = <A>(
  all: Iterable<A>,
  nameOf: (one: A) => string,
  { limit = limits.pageRecordsDefault, cursor }: NamePage,
  order: 1 | -1 = 1,
): { readonly records: ReadonlyArray<A>; readonly next: string | undefined } => {
  const compare = (a: string, b: string): number => (a === b ? 0 : a < b ? -order : order)
  const behind = [...all]
    .map((one) => ({ one, name: nameOf(one) }))
    .filter(({ name }) => cursor === undefined || compare(name, cursor) > 0)
    .toSorted((a, b) => compare(a.name, b.name))
  const page = behind.slice(0, limit)
  return {
    records: page.map(({ one }) => one),
    next: behind.length > limit ? nameCursor(page.at(-1)!.name) : undefined,
  }
}
