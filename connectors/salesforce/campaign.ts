/**
 * Members of campaigns: contacts and leads, by their ids or by an external id.
 */
import * as Schema from "effect/Schema"
import { Fields, RecordId, Reference } from "./records.ts"

const OneReference = Reference.pipe(
  Schema.check(
    Schema.makeFilter((reference: typeof Reference.Type) => {
      const [name, ...more] = Object.keys(reference)
      return name !== undefined && more.length === 0 && /^[A-Za-z]\w*$/.test(name) ? undefined : "give one external id"
    }),
  ),
)

const memberFields = {
  campaignId: RecordId.annotate({ description: "The campaign's id.", choices: "campaigns" }),
  contactId: Schema.optionalKey(RecordId),
  leadId: Schema.optionalKey(RecordId),
  contact: Schema.optionalKey(
    OneReference.annotate({ description: "The contact by an external id, { Acme_Id__c: 'u_1' }, instead of its id." }),
  ),
  lead: Schema.optionalKey(
    OneReference.annotate({ description: "The lead by an external id, { Acme_Id__c: 'u_1' }, instead of its id." }),
  ),
}

const whichMember = Schema.makeFilter(
  ({ contactId, leadId, contact, lead }: { readonly [K in "contactId" | "leadId" | "contact" | "lead"]?: unknown }) =>
    [contactId, leadId, contact, lead].filter((one) => one !== undefined).length === 1
      ? undefined
      : { path: ["contactId"], issue: "give one of contactId, leadId, contact and lead" },
)

export const AddInput = Schema.Struct({
  ...memberFields,
  status: Schema.optionalKey(
    Schema.NonEmptyString.annotate({ description: "One of the campaign's. Default: its own." }),
  ),
  fields: Schema.optionalKey(Fields),
}).pipe(Schema.check(whichMember))

export const memberOf = ({ campaignId, contactId, leadId, contact, lead, status, fields }: typeof AddInput.Type) => ({
  attributes: { type: "CampaignMember" },
  ...fields,
  CampaignId: campaignId,
  ...(contactId === undefined ? {} : { ContactId: contactId }),
  ...(leadId === undefined ? {} : { LeadId: leadId }),
  ...(contact === undefined ? {} : { Contact: contact }),
  ...(lead === undefined ? {} : { Lead: lead }),
  ...(status === undefined ? {} : { Status: status }),
})

export const RemoveInput = Schema.Struct(memberFields).pipe(Schema.check(whichMember))

/** A value within a query: nothing in it ends the text. */
const quoted = (value: string | number): string =>
  typeof value === "number" ? String(value) : `'${value.replace(/[\\']/g, "\\$&").replace(/[\r\n]/g, " ")}'`

const conditionOf = ({ contactId, leadId, contact, lead }: typeof RemoveInput.Type): string => {
  if (contactId !== undefined) return `ContactId = ${quoted(contactId)}`
  if (leadId !== undefined) return `LeadId = ${quoted(leadId)}`
  const [field, value] = Object.entries((contact ?? lead)!)[0]!
  return `${contact === undefined ? "Lead" : "Contact"}.${field} = ${quoted(value)}`
}

/** Finds somebody's membership. */
export const membershipQuery = (input: typeof RemoveInput.Type): string =>
  `SELECT Id FROM CampaignMember WHERE CampaignId = ${quoted(input.campaignId)} AND ${conditionOf(input)}`
