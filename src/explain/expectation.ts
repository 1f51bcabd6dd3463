/**
 * What a test of a config expects of an event, and how what would be done differs from it.
 */
import type { Preview } from "../deliver/preview.ts"
import type { Explained } from "./explain.ts"

/** A delivery that is expected. What is not said may be anything. */
export interface ExpectedDelivery {
  readonly connection: string
  readonly action?: string
  readonly rule?: string
  /** What the mapping makes: of objects the fields that are given here, at any depth; lists as a whole. */
  readonly input?: unknown
  /** What is sent: method, url, headers, body, in the same way. Secrets stand there as `***secret("NAME")***`. */
  readonly request?: unknown
  /** It would be dead at once, for a reason that holds this text; or for any. */
  readonly error?: string | true
}

/** A delivery that would be made. */
export interface MadeDelivery extends Preview {
  readonly rule: string
}

/** One thing that is not as expected. */
export interface Difference {
  /** Where: `log: print (rule new-lead), input.text`; or what is wrong altogether. */
  readonly at: string
  readonly expected?: unknown
  readonly actual?: unknown
  /** Why that may be. */
  readonly because?: ReadonlyArray<string>
}

export const deliveriesIn = (rules: ReadonlyArray<Explained>): ReadonlyArray<MadeDelivery> =>
  rules.flatMap(({ rule, actions }) => actions.map((sending) => ({ rule, ...sending })))

/**
 * Each expected delivery is held against one that would be made: the first that is as expected, or else the most similar one of its
 * connection; and what is then left is unexpected.
 *
 * @param reasons why the rules that name a connection do not want the event
 */
export const compareDeliveries = (
  expected: ReadonlyArray<ExpectedDelivery>,
  made: ReadonlyArray<MadeDelivery>,
  reasons: (connection: string) => ReadonlyArray<string>,
): ReadonlyArray<Difference> => {
  const left = new Set(made)
  const wrong = expected.filter((one) => {
    const found = candidates(one, left).find((delivery) => differencesOf(one, delivery).length === 0)
    if (found !== undefined) left.delete(found)
    return found === undefined
  })
  const differences = wrong.flatMap((one) => {
    const [closest] = candidates(one, left)
      .map((delivery) => ({ delivery, differences: differencesOf(one, delivery) }))
      .toSorted((a, b) => a.differences.length - b.differences.length)
    if (closest === undefined) {
      return [{ at: `${headOf(one)}: there is no such delivery`, because: reasons(one.connection) }]
    }
    left.delete(closest.delivery)
    return closest.differences
  })
  return [
    ...differences,
    ...[...left].map((one) => ({ at: `${headOf(one)}: not expected`, actual: one.error ?? one.input ?? one.request })),
  ]
}

const candidates = (one: ExpectedDelivery, left: ReadonlySet<MadeDelivery>): ReadonlyArray<MadeDelivery> =>
  [...left].filter(
    ({ connection, action, rule }) =>
      connection === one.connection && (one.action ?? action) === action && (one.rule ?? rule) === rule,
  )

/** `crm: contact.upsert` */
const headOf = ({ connection, action, rule }: ExpectedDelivery): string =>
  `${connection}${action === undefined ? "" : `: ${action}`}${rule === undefined ? "" : ` (rule ${rule})`}`

const differencesOf = (one: ExpectedDelivery, made: MadeDelivery): ReadonlyArray<Difference> => {
  const head = headOf(made)
  if (!isExpectedError(one.error, made.error))
    return [{ at: `${head}, error`, expected: one.error, actual: made.error }]
  return (["input", "request"] as const).flatMap((part) =>
    one[part] === undefined ? [] : differencesIn(one[part], made[part], `${head}, ${part}`),
  )
}

const isExpectedError = (expected: ExpectedDelivery["error"], actual: string | undefined): boolean => {
  if (expected === undefined || actual === undefined) return expected === actual
  return expected === true || actual.includes(expected)
}

const isObject = (value: unknown): value is { readonly [key: string]: unknown } =>
  typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Date)

/** Of objects, what is expected must be there; all else must be the same. */
const differencesIn = (expected: unknown, actual: unknown, at: string): ReadonlyArray<Difference> => {
  if (isObject(expected) && isObject(actual)) {
    return Object.entries(expected).flatMap(([key, value]) => differencesIn(value, actual[key], `${at}.${key}`))
  }
  if (Array.isArray(expected) && Array.isArray(actual) && expected.length === actual.length) {
    return expected.flatMap((value, i) => differencesIn(value, actual[i], `${at}[${i}]`))
  }
  return JSON.stringify(expected) === JSON.stringify(actual) ? [] : [{ at, expected, actual }]
}
