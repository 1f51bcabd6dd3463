/**
 * A request as it would be sent: its line, its head, its body.
 */
import { Code, pretty } from "./code.tsx"

interface Http {
  readonly method: string
  readonly url: string
  readonly headers?: { readonly [name: string]: unknown }
  readonly body?: unknown
  /** What follows it. */
  readonly after?: string
}

const isHttp = (request: unknown): request is Http =>
  typeof request === "object" && request !== null && "method" in request && "url" in request

const textOf = ({ method, url, headers = {}, body }: Http): string => {
  const head = Object.entries(headers).map(([name, value]) => `${name}: ${String(value)}`)
  return [`${method} ${url}`, ...head, ...(body === undefined ? [] : ["", pretty(body)])].join("\n")
}

/** @param request of actions that send no HTTP request, whatever they do is shown as it is told */
export const Request = ({ request, label }: { readonly request: unknown; readonly label: string }) =>
  isHttp(request) ? (
    <>
      <Code value={textOf(request)} label={label} />
      {request.after !== undefined && <p className="dim">Then {request.after}.</p>}
    </>
  ) : (
    <Code value={request} label={label} />
  )
