/**
 * `fetch` as a page of some origin has it: asks first where a browser would, and gives its script nothing that the answer does not let it
 * read. The parts of the Fetch standard's CORS protocol that requests with JSON and keys meet.
 */
export interface PageAnswer {
  readonly status: number
  readonly text: string
  /** As far as the page may read them. */
  readonly header: (name: string) => string | null
}

/** What a script sees of a request that was blocked. */
export class Blocked extends Error {}

const simpleTypes = new Set(["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"])
const simpleHeaders = new Set(["accept", "accept-language", "content-language", "content-type"])
const alwaysReadable = new Set([
  "cache-control",
  "content-language",
  "content-type",
  "expires",
  "last-modified",
  "pragma",
])

const listOf = (text: string | null): ReadonlyArray<string> =>
  (text ?? "").split(",").map((part) => part.trim().toLowerCase())

export const openPage = (origin: string) => {
  const check = (response: Response, what: string) => {
    const allowed = response.headers.get("access-control-allow-origin")
    if (allowed !== "*" && allowed !== origin) throw new Blocked(`${what}: pages of ${origin} are not let in`)
  }
  const preflight = async (url: string, method: string, unsafe: ReadonlyArray<string>) => {
    const response = await fetch(url, {
      method: "OPTIONS",
      headers: {
        origin,
        "access-control-request-method": method,
        ...(unsafe.length === 0 ? {} : { "access-control-request-headers": unsafe.toSorted().join(",") }),
      },
    })
    check(response, "preflight")
    if (!response.ok) throw new Blocked(`preflight: status ${response.status}`)
    const methods = listOf(response.headers.get("access-control-allow-methods"))
    if (!["get", "head", "post"].includes(method.toLowerCase()) && !methods.includes(method.toLowerCase())) {
      throw new Blocked(`preflight: ${method} is not let in`)
    }
    const headers = listOf(response.headers.get("access-control-allow-headers"))
    const refused = unsafe.find((name) => !headers.includes(name))
    if (refused !== undefined) throw new Blocked(`preflight: the header ${refused} is not let in`)
  }
  return async (
    url: string,
    init: { readonly method: string; readonly headers: { readonly [name: string]: string }; readonly body?: string },
  ): Promise<PageAnswer> => {
    const names = Object.keys(init.headers).map((name) => name.toLowerCase())
    const unsafe = names.filter(
      (name) => !simpleHeaders.has(name) || (name === "content-type" && !simpleTypes.has(init.headers[name]!)),
    )
    if (unsafe.length > 0 || !["GET", "HEAD", "POST"].includes(init.method)) await preflight(url, init.method, unsafe)
    const response = await fetch(url, { ...init, headers: { ...init.headers, origin } })
    const text = await response.text()
    check(response, "answer")
    const exposed = listOf(response.headers.get("access-control-expose-headers"))
    return {
      status: response.status,
      text,
      header: (name) => (alwaysReadable.has(name) || exposed.includes(name) ? response.headers.get(name) : null),
    }
  }
}
