/**
 * What stands where something is not (yet): it loads, it failed and who is to do what, it is not there, or there is none and what to do next.
 */
import type { ReactNode } from "react"
import { Link } from "wouter"
import type { Problem } from "../api/call.ts"

export const Loading = ({ label = "Loading" }: { readonly label?: string }) => (
  <div className="loading" role="status" aria-label={label}>
    <div className="loading-line" />
    <div className="loading-line" />
    <div className="loading-line" />
  </div>
)

const whoActs = ({ status, retryAfter }: Problem, asksAgain: boolean): string | undefined => {
  if (status === 0 || status === 429 || status === 503) {
    if (asksAgain) return "This page asks again by itself."
    return retryAfter === undefined ? "Try again." : `Try again in ${retryAfter} s.`
  }
  return status >= 500 ? "That is a bug of the server's: its log says more." : undefined
}

/** One error's words are the message's. */
const saysAll = ({ errors, message }: Problem): boolean =>
  errors.length === 0 || (errors.length === 1 && message.includes(errors[0]!.message))

/**
 * Why something could not be shown or done.
 *
 * @param asksAgain whether it is asked for again without anybody's doing
 */
export const Failed = ({ problem, asksAgain = false }: { readonly problem: Problem; readonly asksAgain?: boolean }) => (
  <div className="notice" data-tone="bad" role="alert">
    <div className="stack">
      <p>
        {problem.title !== "" && <strong>{problem.title}: </strong>}
        {problem.message}
      </p>
      {!saysAll(problem) && (
        <ul>
          <ErrorItems errors={problem.errors} />
        </ul>
      )}
      {whoActs(problem, asksAgain) !== undefined && <p className="dim">{whoActs(problem, asksAgain)}</p>}
    </div>
  </div>
)

/** What is wrong at which path, as items of a list. */
export const ErrorItems = ({ errors }: { readonly errors: Problem["errors"] }) =>
  errors.map(({ path, message }) => (
    <li key={`${path} ${message}`}>
      <code>{path}</code>: {message}
    </li>
  ))

/** There is none: why that may be, and what to do next. */
export const Empty = ({ title, children }: { readonly title: string; readonly children?: ReactNode }) => (
  <div className="empty">
    <h3>{title}</h3>
    {children}
  </div>
)

/** What a workspace without events is shown: of a type that nobody declared, so that any payload is taken. */
export const publishCommand = (workspace: string): string =>
  `meshes publish hello.world --workspace ${workspace} --payload '{"name":"Ada"}'`

export const NotThere = () => (
  <div className="page">
    <h1>There is nothing here</h1>
    <p className="page-lead">
      The address is wrong, or what it names is not there or not yours to see. <Link href="/">To the start</Link>
    </p>
  </div>
)

interface Answer<A> {
  readonly data: A | undefined
  readonly error: Problem | null
  readonly failureReason?: Problem | null
}

/** Why there is no answer. Where there was none before, at the first failure: it is asked some times more before it is given up. */
export const problemOf = ({ data, error, failureReason = null }: Answer<unknown>): Problem | null =>
  error ?? (data === undefined ? failureReason : null)

/** What was answered, or what stands in its place; what was answered before stays while asking again fails. */
export function Answered<A>({
  answer,
  children,
}: {
  readonly answer: Answer<A>
  readonly children: (data: A) => ReactNode
}) {
  const problem = problemOf(answer)
  return (
    <>
      {problem !== null && <Failed problem={problem} asksAgain />}
      {answer.data !== undefined ? children(answer.data) : problem === null && <Loading />}
    </>
  )
}
