/**
 * An event as a CloudEvent 1.0: its attributes, and how they are written in headers.
 */
import type { ActionContext } from "../../src/index.ts"

export interface Naming {
  readonly source?: string
  readonly extensions?: { readonly [name: string]: string | number | boolean }
}

/** Characters that a URI reference is written with (RFC 3986). */
const uriReference = /^(?:[\w\-.~:/?#[\]@!$&'()*+,;=]|%[0-9a-f]{2})+$/i

export const isUriReference = (text: string): boolean => uriReference.test(text)

type Attributes = { readonly [name: string]: string | number | boolean }

/** The attributes without the type of the data, which each mode says in its own place. */
export const attributesOf = ({ event, delivery }: ActionContext<unknown>, naming: Naming): Attributes => {
  const { resource, resource_id } = event
  const subject = resource === undefined || resource_id === undefined ? resource : `${resource}/${resource_id}`
  // With the id, the source tells events apart: where an event brings its own, it is passed on.
  const own = event.source !== undefined && isUriReference(event.source) ? event.source : undefined
  return {
    specversion: "1.0",
    id: event.id,
    source: naming.source ?? own ?? `/${delivery.workspace}`,
    type: event.type,
    time: event.time,
    ...(subject === undefined ? {} : { subject }),
    ...naming.extensions,
  }
}

/** What an event carries: the mapped value, or its payload. */
export const dataOf = (input: unknown, { event }: ActionContext<unknown>): unknown =>
  input === undefined ? event.payload : input

/** In structured mode, and in a batch. */
export const structured = (input: unknown, context: ActionContext<unknown>, naming: Naming) => ({
  ...attributesOf(context, naming),
  datacontenttype: "application/json",
  data: dataOf(input, context),
})

/** A text as a header's value: what is not printable ASCII, and space, double quote and percent, are escaped. */
export const headerValue = (value: string | number | boolean): string =>
  String(value)
    .toWellFormed()
    .replace(/[^\u0021\u0023\u0024\u0026-\u007e]/gu, encodeURIComponent)
