/**
 * Stoplight's Prism as a process of its own: holds requests against one API description and answers as the description says.
 */
import { spawn } from "node:child_process"
import { createRequire } from "node:module"
import { request } from "undici"
import type { Arrived } from "./trial.ts"

export interface Judged {
  /** `unknown`: the description has no such path or method. */
  readonly kind: "fits" | "refused" | "unknown"
  /** What it was told, for people. */
  readonly says: string
}

export interface Prism {
  readonly judge: (request: Arrived) => Promise<Judged>
  readonly [Symbol.asyncDispose]: () => Promise<void>
}

/** The package's main file is its command. */
const command = createRequire(import.meta.url).resolve("@stoplight/prism-cli")

/** @param file the description, OpenAPI as JSON or YAML */
export const startPrism = async (file: string): Promise<Prism> => {
  const child = spawn(process.execPath, [command, "mock", "-h", "127.0.0.1", "-p", "0", "--errors", file], {
    stdio: ["ignore", "pipe", "pipe"],
  })
  const ended = new Promise((done) => child.once("exit", done))
  const url = await new Promise<string>((ready, fail) => {
    let said = ""
    const look = (chunk: Buffer) => {
      said += String(chunk)
      const found = /Prism is listening on (http:\S+)/.exec(said)
      if (found !== null) ready(found[1]!)
    }
    child.stdout.on("data", look)
    child.stderr.on("data", look)
    child.once("exit", () => fail(new Error(`Prism ended over ${file}:\n${said}`)))
  })
  return {
    judge: (given) => judge(url, given),
    [Symbol.asyncDispose]: async () => {
      child.kill()
      await ended
    },
  }
}

const judge = async (url: string, { method, path, headers, body }: Arrived): Promise<Judged> => {
  const answer = await request(`${url}${path}`, {
    method: method as "POST",
    headers: headers as { readonly [name: string]: string },
    body: body === "" ? null : body,
  })
  const text = await answer.body.text()
  const violations = answer.headers["sl-violations"]
  const says = [`HTTP ${answer.statusCode}`, text, ...(violations === undefined ? [] : [String(violations)])].join("\n")
  const kind = /errors#NO_(?:PATH|METHOD)_MATCHED/.test(text)
    ? "unknown"
    : answer.statusCode < 300 && violations === undefined
      ? "fits"
      : "refused"
  return { kind, says }
}
