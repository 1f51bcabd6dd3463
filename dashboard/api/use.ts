/**
 * Calls as what a component shows: kept, asked again while the page is looked at, and a page of a list after the other.
 */
import { useInfiniteQuery, useMutation, useQuery, useQueryClient, QueryClient } from "@tanstack/react-query"
import { call, isRefused, type Problem } from "./call.ts"
import type { CallInput, CallName, CallOutput, ListName, RecordOf } from "./contract.ts"

/** How often what changes by itself is asked for again, in milliseconds; what people change, and seldom. */
export const live = 2_000
export const calm = 15_000

/** Pages of a list that are asked for again and again: each has up to 50 records. */
const pagesMax = 20

/** How often to ask for what need not be there yet, and does not change by itself once it is: its page was opened as it was stored. */
export const untilThere = (answer: unknown): number => (answer === undefined ? live : 0)

export const makeQueries = (): QueryClient =>
  new QueryClient({
    defaultOptions: {
      queries: {
        staleTime: 1_000,
        retry: (count, error) => count < 3 && !isRefused(error),
        retryDelay: (count) => Math.min(1_000 * 2 ** count, 10_000),
      },
    },
  })

interface Options {
  /** Milliseconds between two questions; default: asked once. */
  readonly every?: number | undefined
  readonly enabled?: boolean
  /** Asked when it is wanted, and not again by itself: the audit is told of each answer. */
  readonly once?: boolean
}

/** What failed, and is not refused, is asked for until it is answered: also what was to be asked for once. */
const untilAnswered = (error: unknown): number => (error === null || isRefused(error) ? 0 : live)

const againOf = ({ every = 0, once = false }: Options) => ({
  refetchInterval: ({ state: { error } }: { readonly state: { readonly error: unknown } }) =>
    every === 0 ? untilAnswered(error) : isRefused(error) ? Math.max(every, calm) : every,
  ...(once ? { staleTime: Number.POSITIVE_INFINITY, refetchOnWindowFocus: false, refetchOnReconnect: false } : {}),
})

/** While something new is asked for, what was shown before stays, unless it is about another thing: the call's `params` name that. */
const beforeOf =
  <Name extends CallName>(input: CallInput<Name>) =>
  <A>(before: A | undefined, query: { readonly queryKey: ReadonlyArray<unknown> } | undefined): A | undefined => {
    const asked = query?.queryKey.at(-1) as CallInput<Name> | undefined
    return JSON.stringify(asked?.params) === JSON.stringify(input.params) ? before : undefined
  }

/**
 * What a call answers, asked again every so often while the page is visible.
 *
 * @param options `everyBy`: how often follows from what was answered
 */
export const useCall = <Name extends CallName>(
  name: Name,
  input: CallInput<Name> = {},
  { everyBy, ...options }: Options & { readonly everyBy?: (answer: CallOutput<Name> | undefined) => number } = {},
) =>
  useQuery<CallOutput<Name>, Problem>({
    queryKey: [name, input],
    queryFn: ({ signal }) => call(name, input, signal),
    ...againOf(options),
    ...(everyBy === undefined
      ? {}
      : { refetchInterval: ({ state }) => everyBy(state.data) || untilAnswered(state.error) }),
    enabled: options.enabled ?? true,
    placeholderData: beforeOf(input),
  })

/** A list, page by page, newest first. */
export const useList = <Name extends ListName>(name: Name, input: CallInput<Name> = {}, options: Options = {}) => {
  const cursorOf = (page: unknown) => (page as { readonly next_cursor: string | null }).next_cursor ?? undefined
  const isLong = (length: number) => options.every !== undefined && length >= pagesMax
  const found = useInfiniteQuery<CallOutput<Name>, Problem, Pages<Name>, ReadonlyArray<unknown>, string | undefined>({
    queryKey: [name, "list", input],
    queryFn: ({ pageParam, signal }) =>
      call(name, { ...input, query: { ...input.query, cursor: pageParam } } as CallInput<Name>, signal),
    initialPageParam: undefined,
    getNextPageParam: (page, { length }) => (isLong(length) ? undefined : cursorOf(page)),
    placeholderData: beforeOf(input),
    ...againOf(options),
    enabled: options.enabled ?? true,
  })
  const pages = found.data?.pages ?? []
  return {
    ...found,
    /** `undefined`: nothing was answered yet. */
    records:
      found.data === undefined
        ? undefined
        : pages.flatMap((page) => (page as unknown as { records: ReadonlyArray<RecordOf<Name>> }).records),
    /** There are more, but no more are shown while it moves. */
    isCut: isLong(pages.length) && cursorOf(pages.at(-1)) !== undefined,
    /** Of lists of the history: all that was stored before is in it. */
    asOf: (pages[0] as { readonly as_of?: string | null } | undefined)?.as_of,
  }
}

interface Pages<Name extends CallName> {
  readonly pages: Array<CallOutput<Name>>
  readonly pageParams: Array<string | undefined>
}

/** A call that changes something; whatever is shown is asked for again when it is done. */
export const useAct = <Name extends CallName>(name: Name) => {
  const queries = useQueryClient()
  return useMutation<CallOutput<Name>, Problem, CallInput<Name>>({
    mutationFn: (input) => call(name, input),
    onSettled: () => void queries.invalidateQueries(),
  })
}
