/**
 * Which API descriptions hold which connector's requests, and which requests no description knows, each with the reason.
 * The descriptions lie in `shared/specs` beside the repository, or where MESHES_SPECS says.
 */
import { join } from "node:path"
import { repository } from "../support/runtime.ts"

export const specsFolder = process.env["MESHES_SPECS"] ?? join(repository, "../shared/specs")

export interface Described {
  /** A request belongs to the first that knows its path. */
  readonly files: ReadonlyArray<string>
  /** What requests begin with and the descriptions' paths do not. */
  readonly base?: RegExp
  /** In place of the vendor's own name of JSON, which its description does not use. */
  readonly accept?: string
  /** Requests, `METHOD /path`, that none of the files has, and why that is no mistake. */
  readonly unknown?: ReadonlyArray<{ readonly request: RegExp; readonly why: string }>
  /** The whole of what is told against requests that the vendor documents. */
  readonly tooStrict?: ReadonlyArray<{ readonly says: RegExp; readonly why: string }>
}

export const described: { readonly [connector: string]: Described } = {
  activecampaign: {
    files: ["own/activecampaign.yaml"],
    base: /^\/api\/3/,
    unknown: [
      {
        request: /^(?:GET|PUT) \/contacts\b|^(?:GET|POST) \/tags\b/,
        why: "the description has a contact's sync, tags and lists by ids; not how the ids are found or made",
      },
      { request: /^POST \/event$/, why: "events have an API of their own" },
      { request: /^GET \/(?:users\/me|lists|fields)\b/, why: "it has no tests and choices" },
    ],
  },
  aweber: {
    files: ["own/aweber.yaml"],
    base: /^\/1\.0/,
    unknown: [
      { request: /^GET /, why: "the description has writes only" },
      { request: /^POST .*\/purchases$/, why: "of lists it has subscribers only" },
    ],
  },
  customerio: {
    files: ["own/customerio.yaml"],
    unknown: [
      { request: /^POST \/api\/v1\/(?:events$|segments\/)/, why: "the description has people and their events" },
      { request: /^GET \/api\/v1\/accounts\/region$/, why: "it has no tests" },
    ],
  },
  discord: {
    files: ["discord/slice.prism.json"],
    base: /^\/api(?:\/v10)?(?=\/)/,
    unknown: [{ request: /^GET \/(?:users\/@me|guilds\/)/, why: "the slice has messages and webhooks" }],
  },
  github: {
    files: ["github/api.github.com-slice.json"],
    // Of an Enterprise Server.
    base: /^\/api\/v3(?=\/)/,
    accept: "application/json",
    unknown: [{ request: /^GET \//, why: "the slice has no tests and choices" }],
    tooStrict: [
      {
        says: /"validation":\[\{[^}]*"Request path parameter workflow_id must match exactly one schema in oneOf"\}\]/,
        why: "a number or a text, but not both: in a path a number is both",
      },
    ],
  },
  hubspot: {
    files: ["own/hubspot.yaml"],
    unknown: [
      { request: /^GET \/crm\/v3\/objects\/contacts/, why: "the description only writes contacts" },
      { request: /^POST \/crm\/v3\/lists\/search$/, why: "of lists it has memberships only" },
      { request: /^POST \/crm\/v3\/objects\/(?!contacts\/)/, why: "of objects it has contacts only" },
      { request: /^POST \/events\/v3\/send\/batch$/, why: "it has events one at a time" },
    ],
  },
  intercom: {
    files: ["intercom/slice-2.15.prism.json"],
    unknown: [
      { request: /^POST \/(?:tickets|messages|contacts\/\w+\/notes)$/, why: "the slice has contacts, tags and events" },
      { request: /^GET \/(?:admins|ticket_types)$/, why: "of choices it has tags only" },
    ],
    tooStrict: [
      {
        says: /Request body property metadata\.\w+ must be string/,
        why: "the vendor's pages about metadata have numbers, links and prices, its description only texts",
      },
    ],
  },
  mailerlite: {
    files: ["own/mailerlite.yaml"],
    base: /^\/api(?=\/)/,
    unknown: [
      { request: /^(?:GET|PUT) \/subscribers\//, why: "the description has a subscriber's upsert and groups only" },
      { request: /^GET \/groups\b/, why: "it has no tests and choices" },
    ],
  },
  resend: {
    files: ["resend/resend.json"],
    tooStrict: [
      {
        says: /"validation":\[\{[^}]*"Request body must have required property 'subject'"\}\]/,
        why: "a template has a subject of its own, and the vendor's own client may leave it out with one",
      },
    ],
  },
  salesforce: {
    files: ["own/salesforce.yaml"],
    base: /^\/services\/data\/v\d+\.0(?=\/)/,
    unknown: [
      { request: /^GET \/(?:query\?|$)/, why: "the description has writes only" },
      { request: /^POST \/composite\/sobjects$/, why: "of many records it has upserts only" },
      { request: /^(?:PATCH|DELETE) \/sobjects\/\w+\/\w+$/, why: "of one record it has upserts only, not by its id" },
    ],
  },
  segment: { files: ["own/segment.yaml"], base: /^\/v1/ },
  sendgrid: {
    files: ["sendgrid/tsg_mail_v3.json", "sendgrid/tsg_mc_contacts_v3.json", "sendgrid/tsg_mc_lists_v3.json"],
    unknown: [
      {
        request: /^GET \/v3\/(?:scopes|templates|marketing\/field_definitions)\b/,
        why: "tests and choices have descriptions of their own, which are not there",
      },
    ],
  },
  slack: {
    files: ["own/slack.yaml"],
    base: /^\/api(?=\/)/,
    unknown: [{ request: /\/(?:auth\.test|conversations\.list)/, why: "the description only posts messages" }],
  },
}

/** Files of the folder that are no description of a connector's requests. */
export const elsewhere: { readonly [file: string]: string } = {
  "cloudevents/cloudevents.json": "a JSON Schema, held against the connector's bodies",
  "standard-webhooks/vectors.json": "a signature, held against the webhook connector's",
  "own/stripe-meter-events.yaml": "no connector sends to Stripe",
}
