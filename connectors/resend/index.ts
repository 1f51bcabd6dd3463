/**
 * Resend: e-mails, of your own content or of a template, contacts, segments, and events that start automations.
 */
import * as Schema from "effect/Schema"
import {
  defineConnector,
  makeJudge,
  path,
  SecretField,
  UnfitInput,
  type ApiRequest,
  type Call,
} from "../../src/index.ts"

const settings = Schema.Struct({
  apiKey: SecretField.annotate({
    description: "An API key, re_…. One with sending access only sends e-mails; all else needs full access.",
  }),
  from: Schema.optionalKey(
    Schema.NonEmptyString.annotate({
      description: "The sender of e-mails that name none: hi@acme.dev or Acme <hi@acme.dev>, of a verified domain.",
    }),
  ),
})

/** Addresses in one of `to`, `cc` and `bcc`. */
const recipientsMax = 50
/** Segments of one contact in one delivery: each is a call of its own. */
const segmentsMax = 10

const Addresses = Schema.Union([
  Schema.NonEmptyString,
  Schema.Array(Schema.NonEmptyString).pipe(Schema.check(Schema.isMinLength(1), Schema.isMaxLength(recipientsMax))),
])

const Attachment = Schema.Struct({
  filename: Schema.optionalKey(Schema.NonEmptyString),
  content: Schema.optionalKey(Schema.NonEmptyString.annotate({ description: "In base64." })),
  path: Schema.optionalKey(Schema.NonEmptyString.annotate({ description: "Where Resend fetches it, instead." })),
  content_type: Schema.optionalKey(Schema.NonEmptyString),
  content_id: Schema.optionalKey(Schema.NonEmptyString.annotate({ description: "For images within the HTML: cid:…" })),
}).pipe(
  Schema.check(
    Schema.makeFilter(({ content, path: at }: { readonly content?: string; readonly path?: string }) =>
      (content === undefined) === (at === undefined)
        ? { path: ["content"], issue: "give either content or path" }
        : undefined,
    ),
  ),
)

const TagWord = Schema.String.pipe(Schema.check(Schema.isPattern(/^[A-Za-z0-9_-]{1,256}$/)))

/** What every e-mail may have, whatever its content is. */
const envelope = {
  to: Addresses.annotate({ description: "One address, or up to 50: they see each other." }),
  from: Schema.optionalKey(Schema.NonEmptyString.annotate({ description: "Default: the connection's." })),
  cc: Schema.optionalKey(Addresses.annotate({ description: "One address, or up to 50: everybody sees them." })),
  bcc: Schema.optionalKey(Addresses.annotate({ description: "One address, or up to 50: nobody sees them." })),
  reply_to: Schema.optionalKey(Addresses.annotate({ description: "Where answers go. Default: the sender." })),
  headers: Schema.optionalKey(
    Schema.Record(Schema.String, Schema.String).annotate({ description: "More headers of the e-mail." }),
  ),
  attachments: Schema.optionalKey(
    Schema.Array(Attachment).annotate({
      description: "Each with its content in base64, or the path where Resend fetches it.",
    }),
  ),
  tags: Schema.optionalKey(
    Schema.Array(Schema.Struct({ name: TagWord, value: TagWord })).annotate({
      description: "ASCII letters, digits, _ and -, at most 256 characters each.",
    }),
  ),
  topic_id: Schema.optionalKey(
    Schema.NonEmptyString.annotate({
      description: "Nobody who opted out of this topic gets the e-mail.",
      choices: "topics",
    }),
  ),
  scheduled_at: Schema.optionalKey(Schema.NonEmptyString.annotate({ description: "Send later: an ISO 8601 time." })),
}

const Email = Schema.NonEmptyString.annotate({ description: "The contact's address." })

const contactFields = {
  first_name: Schema.optionalKey(Schema.String.annotate({ description: "The contact's first name." })),
  last_name: Schema.optionalKey(Schema.String.annotate({ description: "The contact's last name." })),
  unsubscribed: Schema.optionalKey(
    Schema.Boolean.annotate({ description: "From all broadcasts. false subscribes somebody who had left." }),
  ),
  properties: Schema.optionalKey(
    Schema.Record(Schema.String, Schema.Union([Schema.String, Schema.Number, Schema.Null])).annotate({
      description: "Custom properties, by their keys; they must exist.",
    }),
  ),
}

const Segment = Schema.NonEmptyString.annotate({ description: "The segment's id.", choices: "segments" })

const second = 1000
const hour = 60 * 60 * second

const judge = makeJudge({
  verdict: ({ status, json, body }) => {
    if (status < 300 && json === undefined)
      return { kind: "server_error", message: body === "" ? "an empty answer" : "an answer that is none of Resend's" }
    switch (json?.name) {
      case "concurrent_idempotent_requests":
        return { kind: "rejected", permanent: false, message: json.message }
      case "invalid_idempotent_request":
        return {
          kind: "rejected",
          permanent: true,
          message: `an earlier attempt of this delivery sent an e-mail with other content, and Resend sends no second one (${json.message})`,
        }
      // What is wrong is the sender's domain, not the key.
      case "validation_error":
      case "invalid_from_address":
        return { kind: "rejected", permanent: true }
      case "daily_quota_exceeded":
        return { kind: "rate_limited", retryAfterMs: hour }
      case "monthly_quota_exceeded":
        return { kind: "rate_limited", retryAfterMs: 6 * hour }
    }
    return undefined
  },
  message: ({ json }) => json?.message,
  allowance: ({ header }) => {
    const [remaining, reset] = [header("ratelimit-remaining"), header("ratelimit-reset")]
    return remaining === undefined || reset === undefined
      ? undefined
      : { remaining: Number(remaining), resetMs: Number(reset) * second }
  },
  blindWaitMs: second,
})

/** The same key on every attempt: Resend sends once for a key, and gives later requests the answer of the first. */
const send = (
  { from, ...email }: { readonly from?: string },
  {
    settings: { from: usual },
    delivery,
  }: { readonly settings: { readonly from?: string }; readonly delivery: { readonly id: string } },
  needsSender: boolean,
): ApiRequest => {
  const sender = from ?? usual
  if (sender === undefined && needsSender)
    throw new UnfitInput("no sender: give from in the mapping or on the connection")
  return {
    method: "POST",
    path: "/emails",
    headers: { "idempotency-key": delivery.id },
    json: { ...(sender === undefined ? {} : { from: sender }), ...email },
  }
}

const pageSize = 100

/** A list of Resend's: pages are asked for by the last id of the page before. */
const listOf = (title: string, at: string, wanted: (one: any) => boolean = () => true) => ({
  title,
  request: (): ApiRequest => ({ method: "GET", path: at, query: { limit: pageSize } }),
  items: ({ json }: { readonly json: any }) =>
    (json?.data ?? []).filter(wanted).map((one: any) => ({ id: String(one.id), name: String(one.name) })),
  next: ({ json }: { readonly json: any }): ApiRequest | undefined =>
    json?.has_more === true && json.data?.length > 0
      ? { method: "GET", path: at, query: { limit: pageSize, after: String(json.data.at(-1).id) } }
      : undefined,
})

const inSegment = (email: string, segment: string, method: "POST" | "DELETE"): ApiRequest => ({
  method,
  path: path`/contacts/${email}/segments/${segment}`,
})

const SegmentChange = Schema.Struct({ email: Email, segment: Segment })

export const resend = defineConnector({
  name: "resend",
  title: "Resend",
  description: "E-mails of your own content or of a template, contacts, segments, and events that start automations.",
  docs: "https://resend.com/docs/api-reference/introduction",
  settings,
  baseUrl: "https://api.resend.com",
  auth: [{ kind: "bearer", setting: "apiKey" }],
  limits: {
    rateLimit: { limit: 5, per: "1 second" },
    says: "5 requests a second for all keys of a team together; plans have daily and monthly numbers of e-mails",
  },
  outcome: judge,
  test: {
    request: () => ({ method: "GET", path: "/domains" }),
    // A key that may only send is a good one.
    outcome: (response, now) => {
      const outcome = judge(response, now)
      return response.status === 401 && response.body.includes('"restricted_api_key"')
        ? { kind: "delivered", message: outcome.message, status: response.status }
        : outcome
    },
    says: ({ status, json }) => {
      if (status !== 200) return "Resend takes the key, which may only send e-mails"
      const verified = (json?.data ?? []).filter((one: any) => one.status === "verified").map((one: any) => one.name)
      return verified.length === 0
        ? "Resend takes the key; no domain is verified yet"
        : `sends for ${verified.join(", ")}`
    },
  },
  lists: {
    segments: listOf("Segments", "/segments"),
    topics: listOf("Topics", "/topics"),
    templates: listOf("Templates that are published", "/templates", ({ status }) => status === "published"),
  },
  defaultAction: "email.send",
  actions: {
    "email.send": {
      title: "Send an e-mail",
      description: "Resend sends a delivery once in 24 hours, however often it is tried.",
      docs: "https://resend.com/docs/api-reference/emails/send-email",
      input: Schema.Struct({
        ...envelope,
        subject: Schema.NonEmptyString.annotate({ description: "The e-mail's subject." }),
        html: Schema.optionalKey(Schema.NonEmptyString.annotate({ description: "The content as HTML." })),
        text: Schema.optionalKey(
          Schema.NonEmptyString.annotate({ description: "The content as plain text, instead or as well." }),
        ),
      }).pipe(
        Schema.check(
          Schema.makeFilter(({ html, text }: { readonly html?: string; readonly text?: string }) =>
            html === undefined && text === undefined ? { path: ["html"], issue: "give html, text or both" } : undefined,
          ),
        ),
      ),
      example: { to: "ada@example.com", from: "Acme <hi@acme.dev>", subject: "Welcome", text: "Good to have you." },
      repeat: "key",
      request: (input, context) => send(input, context, true),
    },
    "email.sendTemplate": {
      title: "Send an e-mail of a template",
      description: "Of a published template. Resend sends a delivery once in 24 hours, however often it is tried.",
      docs: "https://resend.com/docs/api-reference/emails/send-email",
      input: Schema.Struct({
        ...envelope,
        template: Schema.NonEmptyString.annotate({ description: "The template's id.", choices: "templates" }),
        variables: Schema.optionalKey(
          Schema.Record(Schema.String, Schema.Union([Schema.String, Schema.Number])).annotate({
            description: "What the template's variables stand for.",
          }),
        ),
        subject: Schema.optionalKey(Schema.NonEmptyString.annotate({ description: "Default: the template's." })),
      }),
      example: {
        to: "ada@example.com",
        from: "Acme <hi@acme.dev>",
        subject: "Welcome",
        template: "34a080c9-b17d-4187-ad80-5af20266e535",
        variables: { name: "Ada" },
      },
      repeat: "key",
      request: ({ template, variables, ...input }, context) =>
        send(
          { ...input, template: { id: template, ...(variables === undefined ? {} : { variables }) } } as object,
          context,
          // A template may have a sender of its own.
          false,
        ),
    },
    "contact.upsert": {
      title: "Create or update a contact",
      description: "By its address. Topics and segments are added to those that it has.",
      docs: "https://resend.com/docs/api-reference/contacts/create-contact",
      input: Schema.Struct({
        email: Email,
        ...contactFields,
        segments: Schema.optionalKey(
          Schema.Array(Segment)
            .pipe(Schema.check(Schema.isMaxLength(segmentsMax)))
            .annotate({
              description: "Segments to be in: up to 10.",
            }),
        ),
        topics: Schema.optionalKey(
          Schema.Array(
            Schema.Struct({
              id: Schema.NonEmptyString.annotate({ choices: "topics" }),
              subscription: Schema.Literals(["opt_in", "opt_out"]),
            }),
          ).annotate({ description: "Topics that the contact wants, or does not." }),
        ),
      }),
      example: { email: "ada@example.com", first_name: "Ada", properties: { plan: "pro" } },
      repeat: "natural",
      // Made by somebody else since it was looked for: the next attempt finds it.
      outcome: (response, now) => {
        const outcome = judge(response, now)
        return outcome.kind === "rejected" && /already exists/i.test(outcome.message)
          ? { ...outcome, permanent: false }
          : outcome
      },
      steps: async ({ email, segments = [], topics = [], ...fields }, _, call: Call) => {
        const changed = Object.keys(fields).length > 0
        const found = await call(
          changed
            ? { method: "PATCH", path: path`/contacts/${email}`, json: fields }
            : { method: "GET", path: path`/contacts/${email}` },
          [404],
        )
        if (found.status === 404) {
          const whole = {
            email,
            ...fields,
            ...(segments.length === 0 ? {} : { segments }),
            ...(topics.length === 0 ? {} : { topics }),
          }
          await call({ method: "POST", path: "/contacts", json: whole })
          return
        }
        if (topics.length > 0) await call({ method: "PATCH", path: path`/contacts/${email}/topics`, json: { topics } })
        for (const segment of segments) await call(inSegment(email, segment, "POST"))
      },
    },
    "contact.update": {
      title: "Update a contact",
      description: "By its address; a contact that is not there is not made.",
      docs: "https://resend.com/docs/api-reference/contacts/update-contact",
      input: Schema.Struct({ email: Email, ...contactFields }).pipe(
        Schema.check(
          Schema.makeFilter((input: object) =>
            Object.keys(input).length < 2 ? { path: ["properties"], issue: "give something to change" } : undefined,
          ),
        ),
      ),
      example: { email: "ada@example.com", properties: { plan: "pro" } },
      repeat: "natural",
      request: ({ email, ...fields }) => ({ method: "PATCH", path: path`/contacts/${email}`, json: fields }),
    },
    "segment.add": {
      title: "Add a contact to a segment",
      description: "By its address; the contact must be there.",
      docs: "https://resend.com/docs/api-reference/contacts/add-contact-to-segment",
      input: SegmentChange,
      example: { email: "ada@example.com", segment: "78261eea-8f8b-4381-83c6-79fa7120f1cf" },
      repeat: "natural",
      request: ({ email, segment }) => inSegment(email, segment, "POST"),
    },
    "segment.remove": {
      title: "Remove a contact from a segment",
      description: "By its address; the contact itself stays.",
      docs: "https://resend.com/docs/api-reference/contacts/delete-contact-segment",
      input: SegmentChange,
      example: { email: "ada@example.com", segment: "78261eea-8f8b-4381-83c6-79fa7120f1cf" },
      repeat: "natural",
      request: ({ email, segment }) => inSegment(email, segment, "DELETE"),
    },
    "event.track": {
      title: "Send an event",
      description: "Starts the automations that wait for it. Resend knows no repeats here: they may start twice.",
      docs: "https://resend.com/docs/api-reference/events/send-event",
      input: Schema.Struct({
        event: Schema.NonEmptyString.annotate({ description: "The event's name, such as user.created." }),
        email: Schema.optionalKey(Email),
        contact_id: Schema.optionalKey(Schema.NonEmptyString.annotate({ description: "Instead of an address." })),
        payload: Schema.optionalKey(
          Schema.Record(Schema.String, Schema.Unknown).annotate({ description: "What automations are to know of it." }),
        ),
      }).pipe(
        Schema.check(
          Schema.makeFilter(({ email, contact_id }: { readonly email?: string; readonly contact_id?: string }) =>
            (email === undefined) === (contact_id === undefined)
              ? { path: ["email"], issue: "give either email or contact_id" }
              : undefined,
          ),
        ),
      ),
      example: { event: "user.created", email: "ada@example.com", payload: { plan: "pro" } },
      repeat: "again",
      request: { method: "POST", path: "/events/send" },
    },
  },
})
