/**
 * What Salesforce's connector is held to. Answers are of the forms that Salesforce documents.
 */
import { secret } from "../../src/index.ts"
import type { ConnectorCases } from "../../test/conformance/cases.ts"
import { salesforce } from "./index.ts"

const token = "00D5g000000-not-a-real-token"
const headersOfGet = { accept: "application/json", authorization: `Bearer ${token}` }
const headers = { ...headersOfGet, "content-type": "application/json" }

const refusal = (errorCode: string, message: string) => [{ message, errorCode, fields: [] }]
const saved = (id: string) => ({ id, success: true, errors: [], created: true })
const refused = (statusCode: string, message: string) => ({
  success: false,
  errors: [{ statusCode, message, fields: [] }],
})

const minute = 60_000

const upsertOf = (object: string, field: string, records: ReadonlyArray<object>) => ({
  method: "PATCH",
  path: `/composite/sobjects/${object}/${field}`,
  headers,
  body: { allOrNone: false, records: records.map((record) => ({ attributes: { type: object }, ...record })) },
})

const upsertCase = (object: string, more: object = {}) => ({
  input: { ...more, externalIdField: "Ext__c", externalId: "a_1", fields: { Name: "Acme", Seats__c: 5, Old__c: null } },
  exchange: [
    {
      request: upsertOf(object, "Ext__c", [{ Name: "Acme", Seats__c: 5, Old__c: null, Ext__c: "a_1" }]),
      reply: { status: 200, body: [saved("003xx1")] },
    },
  ],
  wrongInputs: [
    { input: { ...more, externalIdField: "Ext__c", fields: {} }, path: "externalId" },
    { input: { ...more, externalIdField: "Ext__c", externalId: "", fields: {} }, path: "externalId" },
    { input: { ...more, externalIdField: "a/b", externalId: "1", fields: {} }, path: "externalIdField" },
    { input: { ...more, externalIdField: "Ext__c", externalId: "1", fields: { Tags: ["a"] } }, path: "fields" },
    { input: { ...more, externalIdField: "Ext__c", externalId: "1", fields: { Id: "003" } }, path: `["fields"]["Id"]` },
  ],
  more: [
    {
      name: "nothing said of a record",
      reply: { status: 200, body: [] },
      kind: "server_error" as const,
      permanent: false,
    },
    {
      name: "a refusal of the record",
      reply: { status: 200, body: [refused("DUPLICATES_DETECTED", "Use one of these records?")] },
      kind: "rejected" as const,
      permanent: true,
      says: /DUPLICATES_DETECTED: Use one/,
    },
  ],
  batches: [
    {
      inputs: ["1", "2", "3"].map((externalId) => ({
        ...more,
        externalIdField: "Ext__c",
        externalId,
        fields: { A: true },
      })),
      exchange: {
        request: upsertOf(
          object,
          "Ext__c",
          ["1", "2", "3"].map((Ext__c) => ({ A: true, Ext__c })),
        ),
        reply: {
          status: 200,
          body: [
            saved("003xx1"),
            refused("UNABLE_TO_LOCK_ROW", "unable to obtain exclusive access to this record"),
            refused("REQUIRED_FIELD_MISSING", "Required fields are missing: [LastName]"),
          ],
        },
      },
      outcomes: ["delivered" as const, "retried" as const, "dead" as const],
    },
  ],
})

const updateCase = (object: string, more: object = {}) => ({
  input: { ...more, externalIdField: "Email", externalId: "ada+1@example.com", fields: { Plan__c: "pro" } },
  exchange: [
    {
      request: {
        method: "PATCH",
        path: `/sobjects/${object}/Email/ada%2B1%40example.com?updateOnly=true`,
        headers,
        body: { Plan__c: "pro" },
      },
      reply: { status: 200, body: saved("003xx1") },
    },
  ],
  wrongInputs: [
    { input: { ...more, fields: {} }, path: "externalId" },
    { input: { ...more, id: "not-an-id", fields: {} }, path: "id" },
    { input: { ...more, id: "003000000000001", externalId: "a", fields: {} }, path: "id" },
    { input: { ...more, id: "003000000000001" }, path: "fields" },
  ],
  more: [
    {
      name: "an external id of several records",
      reply: { status: 300, body: ["/services/data/v62.0/sobjects/Contact/003xx1"] },
      kind: "rejected" as const,
      permanent: true,
      says: /belongs to several records/,
    },
    {
      name: "no such record",
      reply: { status: 404, body: refusal("NOT_FOUND", "The requested resource does not exist") },
      kind: "rejected" as const,
      permanent: true,
    },
  ],
})

const created = { status: 201, body: saved("500xx1") }

export const cases: ConnectorCases = {
  connection: (at) => salesforce({ auth: "oauth", baseUrl: at }),
  secrets: { SALESFORCE_CLIENT_ID: "client-id", SALESFORCE_CLIENT_SECRET: "client-secret" },
  token: { accessToken: token, kept: { instance_url: "https://acme.my.salesforce.com" } },
  wrongSettings: [
    { connection: salesforce({} as never), path: "auth", says: /needs "auth"/ },
    {
      connection: salesforce({ auth: { clientId: "id", clientSecret: "in-clear" as never } }),
      path: "auth.clientSecret",
      says: /secret\("NAME"\)/,
    },
    {
      connection: salesforce({
        auth: { grant: "client_credentials", clientId: "id", clientSecret: secret("SF_SECRET") },
      }),
      path: "auth.tokenUrl",
      says: /my domain/,
    },
    {
      connection: salesforce({
        auth: {
          clientId: "id",
          clientSecret: secret("SF_SECRET"),
          authorizeUrl: "https://test.salesforce.com/services/oauth2/authorize",
        },
      }),
      path: "auth.tokenUrl",
      says: /same host, or neither/,
    },
    { connection: salesforce({ auth: "oauth", version: "62" }), path: "version", says: /./ },
    { connection: salesforce({ auth: "oauth", version: "v58.0" }), path: "version", says: /use v61.0 or newer/ },
  ],
  answers: {
    permanent: {
      reply: { status: 400, body: refusal("INVALID_FIELD", "No such column 'Plann__c' on entity 'Contact'") },
      kind: "rejected",
      permanent: true,
      says: /HTTP 400: INVALID_FIELD: No such column/,
    },
    transient: {
      reply: { status: 503, body: refusal("SERVER_UNAVAILABLE", "Server is too busy") },
      kind: "server_error",
      permanent: false,
    },
    rateLimited: {
      reply: {
        status: 403,
        headers: { "sforce-limit-info": "api-usage=15000/15000" },
        body: refusal("REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded."),
      },
      kind: "rate_limited",
      permanent: false,
      retryAfterMs: 15 * minute,
    },
    authFailed: {
      reply: { status: 401, body: refusal("INVALID_SESSION_ID", "Session expired or invalid") },
      kind: "auth_failed",
      permanent: true,
    },
    malformed: { reply: { status: 200, body: "<html>maintenance</html>" }, kind: "server_error", permanent: false },
  },
  test: {
    request: { method: "GET", path: "/", headers: headersOfGet },
    reply: {
      status: 200,
      headers: { "sforce-limit-info": "api-usage=18/15000" },
      body: { sobjects: "/services/data/v62.0/sobjects" },
    },
    says: /18 of 15000/,
  },
  lists: {
    campaigns: {
      request: {
        method: "GET",
        path: "/query?q=SELECT+Id%2C+Name+FROM+Campaign+WHERE+IsActive+%3D+true+ORDER+BY+Name",
        headers: headersOfGet,
      },
      reply: { status: 200, body: { done: true, records: [{ Id: "701000000000001AAA", Name: "Spring" }] } },
      items: [{ id: "701000000000001AAA", name: "Spring" }],
    },
  },
  actions: {
    "contact.upsert": {
      ...upsertCase("Contact"),
      input: {
        externalIdField: "Acme_Id__c",
        externalId: "u_1",
        fields: { LastName: "Lovelace", Account: { Acme_Id__c: "acc_1" } },
      },
      exchange: [
        {
          request: upsertOf("Contact", "Acme_Id__c", [
            { LastName: "Lovelace", Account: { Acme_Id__c: "acc_1" }, Acme_Id__c: "u_1" },
          ]),
          reply: { status: 200, body: [saved("003xx1")] },
        },
      ],
      more: [
        ...upsertCase("Contact").more,
        {
          name: "too many long calls at once",
          reply: {
            status: 403,
            body: refusal("REQUEST_LIMIT_EXCEEDED", "ConcurrentPerOrgLongTxn Limit exceeded."),
          },
          kind: "rate_limited",
          permanent: false,
          retryAfterMs: 10_000,
        },
        {
          name: "a locked record",
          reply: { status: 400, body: refusal("UNABLE_TO_LOCK_ROW", "unable to obtain exclusive access") },
          kind: "server_error",
          permanent: false,
        },
        {
          name: "too many queries of a trigger",
          reply: { status: 400, body: refusal("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", "Too many SOQL queries: 101") },
          kind: "server_error",
          permanent: false,
        },
        {
          name: "a status of Salesforce's own",
          reply: { status: 420, body: refusal("UNKNOWN_EXCEPTION", "an unexpected error") },
          kind: "server_error",
          permanent: false,
        },
        {
          name: "no right to the record",
          reply: { status: 403, body: refusal("INSUFFICIENT_ACCESS_OR_READONLY", "insufficient access rights") },
          kind: "rejected",
          permanent: true,
        },
        {
          name: "an org without the API",
          reply: { status: 403, body: refusal("API_DISABLED_FOR_ORG", "API is not enabled") },
          kind: "auth_failed",
          permanent: true,
        },
      ],
    },
    "lead.upsert": upsertCase("Lead"),
    "account.upsert": upsertCase("Account"),
    "opportunity.upsert": upsertCase("Opportunity"),
    "object.upsert": upsertCase("Subscription__c", { object: "Subscription__c" }),
    "contact.update": updateCase("Contact"),
    "record.update": {
      ...updateCase("Opportunity", { object: "Opportunity" }),
      input: { object: "Opportunity", id: "006000000000001AAA", fields: { StageName: "Won" } },
      exchange: [
        {
          request: {
            method: "PATCH",
            path: "/sobjects/Opportunity/006000000000001AAA",
            headers,
            body: { StageName: "Won" },
          },
          reply: { status: 204 },
        },
      ],
    },
    "record.create": {
      input: { object: "Task", fields: { Subject: "Call Ada" } },
      exchange: [
        {
          request: { method: "POST", path: "/sobjects/Task", headers, body: { Subject: "Call Ada" } },
          reply: created,
        },
      ],
      wrongInputs: [
        { input: { object: "Task" }, path: "fields" },
        { input: { object: "../Task", fields: {} }, path: "object" },
      ],
    },
    "case.create": {
      input: { fields: { Subject: "Payment failed" }, deliveryIdField: "Delivery_Id__c" },
      exchange: [
        {
          request: {
            method: "PATCH",
            path: "/sobjects/Case/Delivery_Id__c/dlv_1",
            headers,
            body: { Subject: "Payment failed" },
          },
          reply: created,
        },
      ],
      wrongInputs: [{ input: { deliveryIdField: "Delivery_Id__c" }, path: "fields" }],
    },
    "campaign.add": {
      input: { campaignId: "701000000000001AAA", contact: { Acme_Id__c: "u_1" }, status: "Sent" },
      exchange: [
        {
          request: {
            method: "POST",
            path: "/composite/sobjects",
            headers,
            body: {
              allOrNone: false,
              records: [
                {
                  attributes: { type: "CampaignMember" },
                  CampaignId: "701000000000001AAA",
                  Contact: { Acme_Id__c: "u_1" },
                  Status: "Sent",
                },
              ],
            },
          },
          reply: { status: 200, body: [saved("00vxx1")] },
        },
      ],
      wrongInputs: [
        { input: { campaignId: "spring", contactId: "003000000000001" }, path: "campaignId" },
        { input: { campaignId: "701000000000001AAA" }, path: "contactId" },
        {
          input: { campaignId: "701000000000001AAA", contactId: "003000000000001", leadId: "00Q000000000001" },
          path: "contactId",
        },
        { input: { campaignId: "701000000000001AAA", lead: {} }, path: "lead" },
      ],
      batches: [
        {
          inputs: [
            { campaignId: "701000000000001AAA", contactId: "003000000000001" },
            { campaignId: "701000000000002AAA", leadId: "00Q000000000001" },
            { campaignId: "701000000000002AAA", leadId: "00Q000000000002" },
          ],
          exchange: {
            request: {
              method: "POST",
              path: "/composite/sobjects",
              headers,
              body: {
                allOrNone: false,
                records: [
                  {
                    attributes: { type: "CampaignMember" },
                    CampaignId: "701000000000001AAA",
                    ContactId: "003000000000001",
                  },
                  {
                    attributes: { type: "CampaignMember" },
                    CampaignId: "701000000000002AAA",
                    LeadId: "00Q000000000001",
                  },
                  {
                    attributes: { type: "CampaignMember" },
                    CampaignId: "701000000000002AAA",
                    LeadId: "00Q000000000002",
                  },
                ],
              },
            },
            reply: {
              status: 200,
              body: [
                saved("00vxx1"),
                refused("DUPLICATE_VALUE", "Already a campaign member."),
                refused("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id"),
              ],
            },
          },
          outcomes: ["delivered", "delivered", "dead"],
        },
      ],
    },
    "campaign.remove": {
      input: { campaignId: "701000000000001AAA", lead: { Acme_Id__c: "o'hara" } },
      exchange: [
        {
          request: {
            method: "GET",
            path: `/query?${new URLSearchParams({
              q: `SELECT Id FROM CampaignMember WHERE CampaignId = '701000000000001AAA' AND Lead.Acme_Id__c = 'o\\'hara'`,
            }).toString()}`,
            headers: headersOfGet,
          },
          reply: { status: 200, body: { done: true, records: [{ Id: "00v000000000001AAA" }] } },
        },
        {
          request: { method: "DELETE", path: "/sobjects/CampaignMember/00v000000000001AAA", headers: headersOfGet },
          reply: { status: 204 },
        },
      ],
      wrongInputs: [{ input: { campaignId: "701000000000001AAA" }, path: "contactId" }],
      more: [
        {
          name: "no member",
          reply: { status: 200, body: { done: true, records: [] } },
          kind: "delivered",
          permanent: true,
        },
      ],
    },
    "event.publish": {
      input: { event: "Signed_Up__e", fields: { Event_Id__c: "evt_1" } },
      exchange: [
        {
          request: { method: "POST", path: "/sobjects/Signed_Up__e", headers, body: { Event_Id__c: "evt_1" } },
          reply: { status: 201, body: saved("e00xx0000000001AAA") },
        },
      ],
      wrongInputs: [{ input: { event: "Signed_Up__c", fields: {} }, path: "event" }],
    },
  },
  ways: [
    {
      name: "client credentials",
      connection: (at) =>
        salesforce({
          auth: {
            grant: "client_credentials",
            clientId: "client-id",
            clientSecret: secret("SF_SECRET"),
            tokenUrl: "https://acme.my.salesforce.com/services/oauth2/token",
          },
          baseUrl: at,
        }),
      secrets: { SF_SECRET: "client-secret" },
      token: { accessToken: "00D-app-token", kept: { instance_url: "https://acme.my.salesforce.com" } },
      action: "case.create",
      input: { fields: { Subject: "Payment failed" } },
      exchange: [
        {
          request: {
            method: "POST",
            path: "/sobjects/Case",
            headers: { ...headers, authorization: "Bearer 00D-app-token" },
            body: { Subject: "Payment failed" },
          },
          reply: created,
        },
      ],
    },
  ],
}
