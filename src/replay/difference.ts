/**
 * Where two values of JSON differ, path by path, bounded.
 */
import { limits } from "../config/defaults.ts"
import { formatPath } from "../model/errors.ts"

export interface Difference {
  /** `request.body.email` */
  readonly path: string
  /** As JSON, cut; absent: it was not there, or is no longer. */
  readonly before?: string
  readonly after?: string
}

type Path = ReadonlyArray<string | number>

/** The first `limits.differencesShown`; none: they are the same. */
export const differencesOf = (before: unknown, after: unknown): ReadonlyArray<Difference> => {
  const found: Array<Difference> = []
  compare(before, after, [], found)
  return found
}

const compare = (before: unknown, after: unknown, path: Path, found: Array<Difference>): void => {
  if (found.length >= limits.differencesShown || Object.is(before, after)) return
  if (!isStructure(before) || !isStructure(after) || Array.isArray(before) !== Array.isArray(after)) {
    const [was, is] = [textOf(before), textOf(after)]
    if (was === is) return
    found.push({
      path: formatPath(path),
      ...(was === undefined ? {} : { before: was.slice(0, limits.differenceCharacters) }),
      ...(is === undefined ? {} : { after: is.slice(0, limits.differenceCharacters) }),
    })
    return
  }
  for (const key of new Set([...Object.keys(before), ...Object.keys(after)])) {
    compare(before[key], after[key], [...path, Array.isArray(before) ? Number(key) : key], found)
  }
}

const isStructure = (value: unknown): value is { readonly [key: string]: unknown } =>
  typeof value === "object" && value !== null

const textOf = (value: unknown): string | undefined => JSON.stringify(value)
