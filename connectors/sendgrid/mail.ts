/**
 * An e-mail of SendGrid's: the fields that every e-mail may have, and the request that sends it.
 */
import * as Schema from "effect/Schema"
import { UnfitInput, type ApiRequest } from "../../src/index.ts"

/** Recipients of one e-mail in one of its fields. */
const recipientsMax = 1000
const categoriesMax = 10
/** What SendGrid carries along with an e-mail: 10,000 bytes, of which some are ours. */
const customArgsBytesMax = 9000

export const Address = Schema.Union([
  Schema.NonEmptyString,
  Schema.Struct({ email: Schema.NonEmptyString, name: Schema.optionalKey(Schema.NonEmptyString) }),
])
export type Address = typeof Address.Type

const Addresses = Schema.Union([
  Address,
  Schema.Array(Address).pipe(Schema.check(Schema.isMinLength(1), Schema.isMaxLength(recipientsMax))),
])
type Addresses = typeof Addresses.Type

/** What every e-mail may have, whatever its content is. */
export const mailFields = {
  to: Addresses.annotate({ description: "An address, { email, name }, or up to 1,000 of them: they see each other." }),
  from: Schema.optionalKey(Address.annotate({ description: "Default: the connection's." })),
  cc: Schema.optionalKey(Addresses.annotate({ description: "As to; everybody sees them." })),
  bcc: Schema.optionalKey(Addresses.annotate({ description: "As to; nobody sees them." })),
  reply_to: Schema.optionalKey(Address.annotate({ description: "Where answers go. Default: the sender." })),
  headers: Schema.optionalKey(
    Schema.Record(Schema.String, Schema.String).annotate({ description: "More headers of the e-mail." }),
  ),
  attachments: Schema.optionalKey(
    Schema.Array(
      Schema.Struct({
        content: Schema.NonEmptyString.annotate({ description: "In base64." }),
        filename: Schema.NonEmptyString,
        type: Schema.optionalKey(Schema.NonEmptyString.annotate({ description: "Its MIME type." })),
        disposition: Schema.optionalKey(Schema.Literals(["attachment", "inline"])),
        content_id: Schema.optionalKey(Schema.NonEmptyString),
      }),
    ).annotate({ description: "Each with its content in base64 and a name." }),
  ),
  categories: Schema.optionalKey(
    Schema.Array(Schema.NonEmptyString.pipe(Schema.check(Schema.isMaxLength(255))))
      .pipe(Schema.check(Schema.isMaxLength(categoriesMax)))
      .annotate({ description: "Up to 10, by which SendGrid counts." }),
  ),
  custom_args: Schema.optionalKey(
    Schema.Record(Schema.String, Schema.String)
      .annotate({ description: "SendGrid's own events tell them. The delivery's and the event's id are among them." })
      .pipe(
        Schema.check(
          Schema.makeFilter((args: object) =>
            Buffer.byteLength(JSON.stringify(args)) > customArgsBytesMax
              ? `at most ${customArgsBytesMax} bytes together`
              : undefined,
          ),
        ),
      ),
  ),
  unsubscribe_group: Schema.optionalKey(
    Schema.Number.pipe(Schema.check(Schema.isInt())).annotate({
      description: "The id of the group of e-mails of which this is one: who left it gets none.",
    }),
  ),
  send_at: Schema.optionalKey(
    Schema.Number.pipe(Schema.check(Schema.isInt())).annotate({
      description: "Send later, at most 72 hours: Unix time in seconds.",
    }),
  ),
}

const addressOf = (address: Address) => (typeof address === "string" ? { email: address } : address)
const addressesOf = (one: Addresses) => (Array.isArray(one) ? one : [one as Address]).map(addressOf)

export interface Mail {
  readonly to: Addresses
  readonly from?: Address
  readonly cc?: Addresses
  readonly bcc?: Addresses
  readonly custom_args?: { readonly [name: string]: string }
  readonly unsubscribe_group?: number
  readonly reply_to?: Address
}

interface About {
  readonly settings: { readonly from?: Address }
  readonly delivery: { readonly id: string; readonly event: string }
}

export const send = (mail: Mail, about: About, data?: object): ApiRequest => {
  const { to, cc, bcc, from = about.settings.from, reply_to, custom_args, unsubscribe_group, ...rest } = mail
  if (from === undefined) throw new UnfitInput("no sender: give from in the mapping or on the connection")
  return {
    method: "POST",
    path: "/v3/mail/send",
    json: {
      personalizations: [
        {
          to: addressesOf(to),
          ...(cc === undefined ? {} : { cc: addressesOf(cc) }),
          ...(bcc === undefined ? {} : { bcc: addressesOf(bcc) }),
          ...(data === undefined ? {} : { dynamic_template_data: data }),
          custom_args: { ...custom_args, meshes_delivery: about.delivery.id, meshes_event: about.delivery.event },
        },
      ],
      from: addressOf(from),
      ...(reply_to === undefined ? {} : { reply_to: addressOf(reply_to) }),
      ...(unsubscribe_group === undefined ? {} : { asm: { group_id: unsubscribe_group } }),
      ...rest,
    },
  }
}
