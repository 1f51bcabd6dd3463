/**
 * What connectors over HTTP ask of an address and of headers. What is wrong is said without repeating what may be a secret.
 */
interface Problem {
  readonly path: ReadonlyArray<string>
  readonly message: string
}

const headerName = /^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/
/** Decided by the message itself or by the connection it goes through: a client that is told otherwise sends nothing. */
const connectionHeaders =
  /^(?:content-length|host|connection|expect|keep-alive|proxy-connection|te|trailer|transfer-encoding|upgrade)$/i

/** Whether a header of this name can be sent along with a request. */
export const isHeader = (name: string): boolean => headerName.test(name) && !connectionHeaders.test(name)

/** What is wrong with the address, as the end of a sentence that begins with what it is; `undefined`: nothing. */
const wrongWith = (url: string): string | undefined => {
  const parsed = URL.canParse(url) ? new URL(url) : undefined
  if (parsed === undefined || !/^https?:\/\/[^\s]+$/i.test(url))
    return "is not a URL to send to; write https://host/path"
  if (parsed.username !== "" || parsed.password !== "")
    return "holds a user name or password; send them in a header, from a secret"
  return url.includes("#") ? 'ends in a fragment ("#…"), which is never sent; leave it out' : undefined
}

/** An address written into the config. One that is a secret is looked at by `resolvedUrlProblems`. */
export const urlProblems = (url: unknown): ReadonlyArray<Problem> => {
  const wrong = typeof url === "string" ? wrongWith(url) : undefined
  if (wrong === undefined) return []
  // What stands before an @ may be a password.
  const what = (url as string).includes("@") ? "the address" : JSON.stringify(url)
  return [{ path: ["url"], message: `${what} ${wrong}, or secret("NAME") that holds such a URL` }]
}

/** An address with its secret in place. */
export const resolvedUrlProblems = (url: string): ReadonlyArray<Problem> => {
  const wrong = wrongWith(url)
  return wrong === undefined ? [] : [{ path: ["url"], message: `the address ${wrong}` }]
}

/** @param reserved names that the connector sets itself */
export const headerProblems = (
  headers: { readonly [name: string]: unknown } | undefined,
  reserved?: RegExp,
): ReadonlyArray<Problem> =>
  Object.entries(headers ?? {}).flatMap(([name, value]) => {
    const path = ["headers", name]
    if (reserved?.test(name) === true)
      return [{ path, message: `the header "${name}" is set by the connector; leave it out` }]
    if (!isHeader(name)) return [{ path, message: `"${name}" cannot be set as a header` }]
    return typeof value === "string" && /[\r\n\0]/.test(value)
      ? [{ path, message: `the value of the header "${name}" has a line break in it` }]
      : []
  })
