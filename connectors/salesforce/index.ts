/**
 * Salesforce: records of any object by external id, cases, campaigns and platform events.
 */
import * as Schema from "effect/Schema"
import { defineConnector, OAuthField, path, type Call, type OAuthSetting } from "../../src/index.ts"
import { isDuplicate, judge, outcomesOf } from "./answers.ts"
import { AddInput, memberOf, membershipQuery, RemoveInput } from "./campaign.ts"
import {
  batchMax,
  collectionOf,
  createRequest,
  DeliveryIdField,
  Fields,
  ObjectName,
  updateFields,
  updateRequest,
  upsertBatch,
  UpsertInput,
  upsertOf,
  whichRecord,
  type Upsert,
} from "./records.ts"

const settings = Schema.Struct({
  /**
   * `"oauth"`, with the app's id and secret in SALESFORCE_CLIENT_ID and SALESFORCE_CLIENT_SECRET, or `{ clientId, clientSecret }`; with
   * `authorizeUrl` and `tokenUrl` for a sandbox or My Domain, and `grant: "client_credentials"` for an app that acts as itself.
   */
  auth: OAuthField.annotate({
    description: `\`"oauth"\`, with the app's id and secret in SALESFORCE_CLIENT_ID and SALESFORCE_CLIENT_SECRET, or \`{ clientId, clientSecret }\`; with \`authorizeUrl\` and \`tokenUrl\` for a sandbox or My Domain, and \`grant: "client_credentials"\` for an app that acts as itself.`,
  }),
  /** Of the API: `v61.0` or newer. Default: `v62.0`. */
  version: Schema.optionalKey(
    Schema.String.pipe(Schema.check(Schema.isPattern(/^v\d{2,3}\.0$/))).annotate({
      description: "Of the API, v61.0 or newer. Default: v62.0.",
    }),
  ),
})

const defaultVersion = "v62.0"
/** Older ones do not know `updateOnly`, and an update would create records. */
const oldestVersion = 61

const oauth = {
  kind: "oauth2",
  tokenUrl: "https://login.salesforce.com/services/oauth2/token",
  revokeUrl: "https://login.salesforce.com/services/oauth2/revoke",
  keep: ["instance_url"],
  clientId: "SALESFORCE_CLIENT_ID",
  clientSecret: "SALESFORCE_CLIENT_SECRET",
} as const

const checkAuth = (auth: "oauth" | OAuthSetting): string | undefined => {
  const { grant, authorizeUrl, tokenUrl } = auth === "oauth" ? ({} as Partial<OAuthSetting>) : auth
  if (grant === "client_credentials") {
    return tokenUrl === undefined
      ? "an app that acts as itself signs in at its own domain: https://<my domain>.my.salesforce.com/services/oauth2/token"
      : undefined
  }
  return (authorizeUrl === undefined) === (tokenUrl === undefined)
    ? undefined
    : "give authorizeUrl and tokenUrl of the same host, or neither"
}

export const salesforce = defineConnector({
  name: "salesforce",
  title: "Salesforce",
  description: "Contacts, leads, accounts, opportunities, any other object, cases, campaigns and platform events.",
  docs: "https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/intro_rest.htm",
  settings,
  // Without a token, as when a request is only shown, it is not known where the org is.
  baseUrl: ({ version = defaultVersion }, token) =>
    `${token?.kept["instance_url"] ?? "https://instance-url.invalid"}/services/data/${version}`,
  auth: [
    {
      ...oauth,
      grant: "authorization_code",
      authorizeUrl: "https://login.salesforce.com/services/oauth2/authorize",
      scopes: ["api", "refresh_token"],
    },
    // Scopes are the app's own here.
    { ...oauth, grant: "client_credentials", scopes: [] },
  ],
  limits: {
    concurrency: 10,
    says: "calls of the last 24 hours, for the whole org: 100,000 and 1,000 more for each licence (Enterprise); 15,000 (Developer)",
  },
  outcome: judge,
  check: ({ auth, version }) => {
    const wrong = checkAuth(auth)
    return [
      ...(wrong === undefined ? [] : [{ path: ["auth", "tokenUrl"], message: wrong }]),
      ...(version !== undefined && Number(version.slice(1)) < oldestVersion
        ? [{ path: ["version"], message: `use v${oldestVersion}.0 or newer: before it an update may create records` }]
        : []),
    ]
  },
  test: {
    request: () => ({ method: "GET", path: "/" }),
    says: ({ headers }) => {
      const used = /api-usage=(\d+)\/(\d+)/.exec(String(headers["sforce-limit-info"] ?? ""))
      return `Salesforce takes the token${used === null ? "" : `; ${used[1]} of ${used[2]} calls of a day are used`}`
    },
  },
  lists: {
    campaigns: {
      title: "Active campaigns",
      request: () => ({
        method: "GET",
        path: "/query",
        query: { q: "SELECT Id, Name FROM Campaign WHERE IsActive = true ORDER BY Name" },
      }),
      items: ({ json }) =>
        (json?.records ?? []).map(({ Id, Name: name }: any) => ({ id: String(Id), name: String(name) })),
      next: ({ json }) =>
        typeof json?.nextRecordsUrl === "string"
          ? { method: "GET", path: json.nextRecordsUrl.replace(/^\/services\/data\/v[\d.]+/, "") }
          : undefined,
    },
  },
  defaultAction: "contact.upsert",
  actions: {
    "contact.upsert": {
      title: "Create or update a contact",
      description: "By an external id. Many go in one call.",
      example: {
        externalIdField: "Acme_Id__c",
        externalId: "u_1",
        fields: { LastName: "Lovelace", Email: "ada@example.com", Account: { Acme_Id__c: "acc_1" } },
      },
      ...upsertOf("Contact"),
    },
    "lead.upsert": {
      title: "Create or update a lead",
      description: "By an external id. Many go in one call.",
      example: {
        externalIdField: "Email",
        externalId: "ada@example.com",
        fields: { LastName: "Lovelace", Company: "Acme", LeadSource: "Web" },
      },
      ...upsertOf("Lead"),
    },
    "account.upsert": {
      title: "Create or update an account",
      description: "By an external id. Many go in one call.",
      example: { externalIdField: "Acme_Id__c", externalId: "acc_1", fields: { Name: "Acme", NumberOfEmployees: 12 } },
      ...upsertOf("Account"),
    },
    "opportunity.upsert": {
      title: "Create or update an opportunity",
      description: "By an external id. Many go in one call.",
      example: {
        externalIdField: "Order_Id__c",
        externalId: "ord_1",
        fields: { Name: "Order 1", StageName: "Prospecting", CloseDate: "2026-03-31", Amount: 120 },
      },
      ...upsertOf("Opportunity"),
    },
    "object.upsert": {
      title: "Create or update a record of any object",
      description: "By an external id. Many of one object go in one call.",
      docs: upsertOf("").docs,
      input: Schema.Struct({ object: ObjectName, ...UpsertInput.fields }),
      example: {
        object: "Subscription__c",
        externalIdField: "Acme_Id__c",
        externalId: "sub_1",
        fields: { Seats__c: 5, Contact__r: { Acme_Id__c: "u_1" } },
      },
      repeat: "natural",
      batch: upsertBatch(({ object }: Upsert & { readonly object: string }) => object),
    },
    "contact.update": {
      title: "Update a contact",
      description: "By its id or an external id; a contact that is not there is not made.",
      docs: "https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/resources_sobject_upsert_patch.htm",
      input: Schema.Struct(updateFields).pipe(Schema.check(whichRecord)),
      example: { externalIdField: "Acme_Id__c", externalId: "u_1", fields: { Plan__c: "pro" } },
      repeat: "natural",
      request: (input) => updateRequest("Contact", input),
    },
    "record.update": {
      title: "Update a record of any object",
      description: "By its id or an external id; a record that is not there is not made.",
      docs: "https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/resources_sobject_upsert_patch.htm",
      input: Schema.Struct({ object: ObjectName, ...updateFields }).pipe(Schema.check(whichRecord)),
      example: {
        object: "Opportunity",
        externalIdField: "Order_Id__c",
        externalId: "ord_1",
        fields: { StageName: "Won" },
      },
      repeat: "natural",
      request: ({ object, ...input }) => updateRequest(object, input),
    },
    "record.create": {
      title: "Create a record of any object",
      description: "An attempt whose answer was lost makes a second one, unless a field takes the delivery's id.",
      docs: "https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/resources_sobject_basic_info_post.htm",
      input: Schema.Struct({ object: ObjectName, fields: Fields, deliveryIdField: DeliveryIdField }),
      example: { object: "Task", fields: { Subject: "Call Ada", Status: "Not Started" } },
      repeat: "again",
      request: ({ object, fields, deliveryIdField }, { delivery }) =>
        createRequest(object, fields, deliveryIdField, delivery.id),
    },
    "case.create": {
      title: "Create a case",
      description: "An attempt whose answer was lost makes a second one, unless a field takes the delivery's id.",
      docs: "https://developer.salesforce.com/docs/atlas.en-us.object_reference.meta/object_reference/sforce_api_objects_case.htm",
      input: Schema.Struct({ fields: Fields, deliveryIdField: DeliveryIdField }),
      example: { fields: { Subject: "Payment failed", Origin: "Web", Contact: { Acme_Id__c: "u_1" } } },
      repeat: "again",
      request: ({ fields, deliveryIdField }, { delivery }) =>
        createRequest("Case", fields, deliveryIdField, delivery.id),
    },
    "campaign.add": {
      title: "Add a contact or lead to a campaign",
      description: "Whoever is a member already stays one, with the status that they have. Many go in one call.",
      docs: "https://developer.salesforce.com/docs/atlas.en-us.object_reference.meta/object_reference/sforce_api_objects_campaignmember.htm",
      input: AddInput,
      example: { campaignId: "701000000000001AAA", contact: { Acme_Id__c: "u_1" }, status: "Sent" },
      repeat: "natural",
      batch: {
        max: batchMax,
        request: (items) => ({
          method: "POST",
          path: "/composite/sobjects",
          json: collectionOf(items.map(({ input }) => memberOf(input))),
        }),
        outcomes: outcomesOf(isDuplicate),
      },
    },
    "campaign.remove": {
      title: "Remove a contact or lead from a campaign",
      description: "The membership is looked up first; without one nothing is done.",
      docs: "https://developer.salesforce.com/docs/atlas.en-us.object_reference.meta/object_reference/sforce_api_objects_campaignmember.htm",
      input: RemoveInput,
      example: { campaignId: "701000000000001AAA", contact: { Acme_Id__c: "u_1" } },
      repeat: "natural",
      steps: async (input, _, call: Call) => {
        const found = await call({ method: "GET", path: "/query", query: { q: membershipQuery(input) } })
        for (const { Id } of (found.json?.records ?? []) as ReadonlyArray<{ readonly Id: string }>) {
          await call({ method: "DELETE", path: path`/sobjects/CampaignMember/${Id}` }, [404])
        }
      },
    },
    "event.publish": {
      title: "Publish a platform event",
      description:
        "Salesforce knows no repeats: an attempt whose answer was lost publishes it again. Map the event's id to a field.",
      docs: "https://developer.salesforce.com/docs/atlas.en-us.platform_events.meta/platform_events/platform_events_publish_api.htm",
      input: Schema.Struct({
        event: Schema.String.pipe(Schema.check(Schema.isPattern(/^[A-Za-z]\w*__e$/))).annotate({
          description: "The event's API name, such as Signed_Up__e.",
        }),
        fields: Fields,
      }),
      example: { event: "Signed_Up__e", fields: { Event_Id__c: "evt_1", Plan__c: "pro" } },
      repeat: "again",
      request: ({ event, fields }) => ({ method: "POST", path: path`/sobjects/${event}`, json: fields }),
    },
  },
})
