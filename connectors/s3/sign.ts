/**
 * Requests to S3, signed by AWS' Signature Version 4 with all of their headers and the hash of their body.
 */
import { createHash } from "node:crypto"
import aws4 from "aws4"
import type { HttpRequest } from "../../src/index.ts"

export interface Place {
  readonly bucket: string
  readonly region: string
  readonly endpoint?: string
  readonly pathStyle?: boolean
}

export interface Signer extends Place {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly sessionToken?: string
}

/** A bucket's address. One with dots in its name has no certificate as a host of AWS'. */
const addressOf = ({ bucket, region, endpoint, pathStyle }: Place) => {
  const domain = region.startsWith("cn-") ? "amazonaws.com.cn" : "amazonaws.com"
  const url = new URL(endpoint ?? `https://s3.${region}.${domain}`)
  const base = url.pathname.replace(/\/+$/, "")
  const inPath = pathStyle ?? (endpoint !== undefined || bucket.includes("."))
  if (!inPath) url.hostname = `${bucket}.${url.hostname}`
  return { origin: url.origin, host: url.host, path: inPath ? `${base}/${bucket}` : base }
}

/** As AWS escapes a key: everything but letters, digits, `-._~` and the slashes between steps. */
const escapeKey = (key: string): string =>
  encodeURIComponent(key.toWellFormed())
    .replaceAll("%2F", "/")
    .replace(/[!'()*]/g, (character) => `%${character.codePointAt(0)!.toString(16).toUpperCase()}`)

export interface Unsigned {
  readonly method: "GET" | "PUT"
  /** Without one, the bucket itself is asked. */
  readonly key?: string
  readonly query?: { readonly [name: string]: string }
  /** Names in lower case. */
  readonly headers?: { readonly [name: string]: string }
  readonly body?: Uint8Array | string
}

/** @param now milliseconds since 1970: a signature is good for 15 minutes */
export const signed = (signer: Signer, { method, key, query, headers, body }: Unsigned, now: number): HttpRequest => {
  const address = addressOf(signer)
  const search = query === undefined ? "" : `?${new URLSearchParams(query).toString()}`
  const path = `${address.path}${key === undefined ? "" : `/${escapeKey(key)}`}${search}`
  const { accessKeyId, secretAccessKey, sessionToken } = signer
  const done = aws4.sign(
    {
      service: "s3",
      region: signer.region,
      method,
      path,
      headers: {
        ...headers,
        host: address.host,
        "x-amz-date": new Date(now).toISOString().replaceAll(/[-:]|\.\d{3}/g, ""),
        "x-amz-content-sha256": createHash("sha256")
          .update(body ?? "")
          .digest("hex"),
      },
    },
    { accessKeyId, secretAccessKey, ...(sessionToken === undefined ? {} : { sessionToken }) },
  )
  const { host: _, ...rest } = Object.fromEntries(
    Object.entries(done.headers ?? {}).map(([name, value]) => [name.toLowerCase(), String(value)]),
  )
  return {
    method,
    url: `${address.origin}${path}`,
    headers: rest,
    ...(body === undefined ? {} : { body }),
    // What was signed is good for this address alone.
    redirects: false,
  }
}
