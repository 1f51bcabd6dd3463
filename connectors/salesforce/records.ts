/**
 * Records of any object: what a mapping says of one, and the requests that make or change it.
 */
import * as Schema from "effect/Schema"
import { path, type BatchItem } from "../../src/index.ts"
import { outcomesOf } from "./answers.ts"

/** Records of one call. */
export const batchMax = 200

export const Name = Schema.String.pipe(Schema.check(Schema.isPattern(/^[A-Za-z]\w*$/)))
export const RecordId = Schema.String.pipe(Schema.check(Schema.isPattern(/^[A-Za-z0-9]{15}(?:[A-Za-z0-9]{3})?$/)))
export const ExternalId = Schema.Union([Schema.NonEmptyString, Schema.Finite])

/** Another record by an external id of its own, where a field holds a record: `{ "Account": { "Acme_Id__c": "acc_1" } }`. */
export const Reference = Schema.Record(Schema.String, ExternalId)
const FieldValue = Schema.Union([Schema.String, Schema.Finite, Schema.Boolean, Schema.Null, Reference])
export type Fields = { readonly [name: string]: typeof FieldValue.Type }

const reserved = (name: string): boolean => /^(?:id|attributes)$/i.test(name)

export const Fields = Schema.Record(Schema.String, FieldValue)
  .pipe(
    Schema.check(
      Schema.makeFilter((fields: Fields) => {
        const wrong = Object.keys(fields).find(reserved)
        return wrong === undefined ? undefined : { path: [wrong], issue: "is not a field that can be set" }
      }),
    ),
  )
  .annotate({
    description:
      "By their API names. null empties a field; a record is named by its id, or by an external id: { Account: { Acme_Id__c: 'acc_1' } }.",
  })

const ExternalIdField = Name.annotate({
  description:
    "The field by which the record is found or made: an external id, or one such as Email that is an id lookup.",
})

export const UpsertInput = Schema.Struct({
  externalIdField: ExternalIdField,
  externalId: ExternalId.annotate({ description: "The record's value of that field." }),
  fields: Fields,
})
export type Upsert = typeof UpsertInput.Type

export const ObjectName = Name.annotate({ description: "The object's API name, such as Asset or Subscription__c." })

export const collectionOf = (records: ReadonlyArray<object>) => ({ allOrNone: false, records })

/** Upserts of one object by one field, many in one call. */
export const upsertBatch = <Input extends Upsert>(objectOf: (input: Input) => string) => ({
  max: batchMax,
  together: (input: Input) => `${objectOf(input)} ${input.externalIdField}`,
  // Salesforce compares without case unless the field says otherwise.
  apart: ({ externalId }: Input) => String(externalId).toLowerCase(),
  request: (items: ReadonlyArray<BatchItem<any, Input>>) => {
    const first = items[0]!.input
    const type = objectOf(first)
    return {
      method: "PATCH" as const,
      path: path`/composite/sobjects/${type}/${first.externalIdField}`,
      json: collectionOf(
        items.map(({ input: { externalIdField, externalId, fields } }) => ({
          attributes: { type },
          ...fields,
          [externalIdField]: externalId,
        })),
      ),
    }
  },
  outcomes: outcomesOf(),
})

export const upsertOf = (object: string) => ({
  input: UpsertInput,
  docs: "https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/resources_composite_sobjects_collections_upsert.htm",
  repeat: "natural" as const,
  batch: upsertBatch<Upsert>(() => object),
})

interface Update {
  readonly id?: string
  readonly externalIdField?: string
  readonly externalId?: string | number
  readonly fields: Fields
}

export const updateFields = {
  id: Schema.optionalKey(RecordId.annotate({ description: "The record's id, instead of an external one." })),
  externalIdField: Schema.optionalKey(ExternalIdField),
  externalId: Schema.optionalKey(ExternalId.annotate({ description: "The record's value of that field." })),
  fields: Fields,
}

export const whichRecord = Schema.makeFilter(({ id, externalIdField, externalId }: Update) =>
  id === undefined
    ? externalIdField === undefined || externalId === undefined
      ? { path: ["externalId"], issue: "give id, or externalIdField and externalId" }
      : undefined
    : externalIdField === undefined && externalId === undefined
      ? undefined
      : { path: ["id"], issue: "give either id or externalIdField and externalId" },
)

export const updateRequest = (object: string, { id, externalIdField, externalId, fields }: Update) => ({
  method: "PATCH" as const,
  ...(id === undefined
    ? { path: path`/sobjects/${object}/${externalIdField!}/${externalId!}`, query: { updateOnly: true } }
    : { path: path`/sobjects/${object}/${id}` }),
  json: fields,
})

export const DeliveryIdField = Schema.optionalKey(
  Name.annotate({
    description:
      "A field that is a unique external id and takes the delivery's id: a repeat then makes no second record.",
  }),
)

export const createRequest = (
  object: string,
  fields: Fields,
  deliveryIdField: string | undefined,
  deliveryId: string,
) =>
  deliveryIdField === undefined
    ? { method: "POST" as const, path: path`/sobjects/${object}`, json: fields }
    : { method: "PATCH" as const, path: path`/sobjects/${object}/${deliveryIdField}/${deliveryId}`, json: fields }
