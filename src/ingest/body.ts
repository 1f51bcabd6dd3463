/**
 * What a publishing request carries: which of the accepted forms, and its bytes, never more of them than are taken.
 */
import * as ByteSize from "effect/ByteSize"
import * as Effect from "effect/Effect"
import * as HttpIncomingMessage from "effect/http/HttpIncomingMessage"
import type { HttpServerError } from "effect/http/HttpServerError"
import type { HttpServerRequest } from "effect/http/HttpServerRequest"
import { isTagged } from "effect/Predicate"
import * as Result from "effect/Result"
import { limits } from "../config/defaults.ts"
import { batchedType, isJsonType, structuredType } from "../model/cloudevents.ts"
import { type Problem, problem } from "./problem.ts"

/** `json` and `lines` hold our own envelopes; the others are the three modes of CloudEvents. */
export type Form = "json" | "lines" | "structured" | "binary" | "batched"

const lineTypes: ReadonlySet<string> = new Set([
  "application/x-ndjson",
  "application/ndjson",
  "application/jsonl",
  "application/x-jsonlines",
])

const accepted = `application/json, ${structuredType}, ${batchedType}, or for bulk application/x-ndjson`

/** Told from the headers alone, so that what cannot be read is refused before it is received. */
export const formOf = (headers: { readonly [name: string]: string | undefined }): Result.Result<Form, Problem> => {
  const encoding = headers["content-encoding"]
  if (encoding !== undefined && encoding !== "" && encoding.toLowerCase() !== "identity") {
    return Result.fail(
      problem(415, `the content-encoding ${JSON.stringify(encoding)} is not taken: send it uncompressed`),
    )
  }
  const contentType = headers["content-type"] ?? ""
  const media = contentType.split(";", 1)[0]!.trim().toLowerCase()
  const charset = /;\s*charset\s*=\s*"?([^";\s]+)/i.exec(contentType)?.[1]?.toLowerCase()
  if (charset !== undefined && charset !== "utf-8" && charset !== "utf8" && charset !== "us-ascii") {
    return Result.fail(problem(415, `the charset ${JSON.stringify(charset)} is not taken: send UTF-8`))
  }
  if (media === structuredType) return Result.succeed("structured")
  if (media === batchedType) return Result.succeed("batched")
  if (lineTypes.has(media)) return Result.succeed("lines")
  if (media === "" || isJsonType(media)) {
    if (media.startsWith("application/cloudevents")) return Result.fail(notTaken(contentType))
    return Result.succeed(headers["ce-specversion"] === undefined ? "json" : "binary")
  }
  return Result.fail(notTaken(contentType))
}

const notTaken = (contentType: string): Problem =>
  problem(415, `the content-type ${JSON.stringify(contentType)} is not taken: send ${accepted}`)

/** How many bytes a request may make us hold: what it announces, or the limit when it announces nothing. */
export const expectedBytes = (request: HttpServerRequest, limit: number): number => {
  const announced = Number(request.headers["content-length"] ?? limit)
  // More than is ever taken is refused unread.
  return announced <= limits.bulkBytes ? announced : 0
}

/** The whole body, or why not. Stops reading at the limit. */
export const readBody = (request: HttpServerRequest, limit: number): Effect.Effect<Result.Result<Buffer, Problem>> => {
  const announced = Number(request.headers["content-length"])
  if (announced > limit) return Effect.succeed(Result.fail(tooLarge(`${announced} bytes`, limit)))
  return request.arrayBuffer.pipe(
    Effect.provideService(HttpIncomingMessage.MaxBodySize, ByteSize.bytes(limit)),
    Effect.match({
      onSuccess: (bytes) => Result.succeed(Buffer.from(bytes)),
      onFailure: (error) => Result.fail(unreadable(error, limit)),
    }),
  )
}

const unreadable = (error: HttpServerError, limit: number): Problem =>
  isTagged(error.reason, "RequestParseError") && error.reason.reason === "BodyTooLarge"
    ? tooLarge("larger", limit)
    : problem(400, "the body broke off before its end: send it again")

const tooLarge = (size: string, limit: number): Problem => ({
  status: 413,
  message: `the body is ${size}, at most ${limit} bytes are taken: send less at once, or a reference to what is large`,
  headers: { connection: "close" },
})
