/**
 * Answers that come line by line, each a JSON of its own, while the server is at work.
 */
import { Problem } from "./call.ts"

/** Ends when the answer does; fails with a `Problem` if it broke off. */
export async function* linesOf(response: Response): AsyncGenerator<unknown, void> {
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader()
  let rest = ""
  for (;;) {
    const { done, value } = await reader.read().catch((cause: unknown) => {
      if (cause instanceof DOMException && cause.name === "AbortError") throw cause
      throw brokenOff()
    })
    if (done) break
    const lines = (rest + value).split("\n")
    rest = lines.pop()!
    for (const line of lines) yield JSON.parse(line) as unknown
  }
  if (rest !== "") yield JSON.parse(rest) as unknown
}

/** The server, or the way to it, was gone before the answer was whole. */
export const brokenOff = (): Problem =>
  new Problem(0, { title: "Broken off", message: "The server did not answer to the end." })
