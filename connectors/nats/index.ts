/**
 * Publishes events to a NATS subject: on the server that the runtime itself uses, or on others.
 */
import * as Schema from "effect/Schema"
import { defineConnector, SecretField, type ActionContext } from "../../src/index.ts"

/** Subjects of the runtime's own streams: an action that publishes there would feed itself or damage the log. */
const ownSubjects = /^(?:events|evt|deliver|due|parked|ckpt|dead|history|\$[A-Za-z]+|_INBOX)(?:\.|$)/
const placeholder = /\{(workspace|type|event)\}/g
const subjectPattern = /^[^\s.*>{}]+(?:\.[^\s.*>{}]+)*$/

const settings = Schema.Struct({
  subject: Schema.String.annotate({ description: "May hold `{workspace}`, `{type}` (with its dots) and `{event}`." }),
  servers: Schema.optionalKey(
    Schema.Array(Schema.String)
      .pipe(Schema.check(Schema.isMinLength(1)))
      .annotate({ description: "Default: the server that the runtime uses." }),
  ),
  credentials: Schema.optionalKey(
    Schema.Struct({
      user: Schema.optionalKey(Schema.Union([Schema.String, SecretField])),
      password: Schema.optionalKey(SecretField),
      token: Schema.optionalKey(SecretField),
    }).annotate({ description: "Of the servers named. Default: none." }),
  ),
  jetstream: Schema.optionalKey(
    Schema.Boolean.annotate({
      description:
        "Wait until a stream has stored it (at least once), not only until the server took it. Default: false.",
    }),
  ),
})

interface NatsSettings {
  readonly subject: string
  readonly servers?: ReadonlyArray<string>
  readonly credentials?: { readonly user?: string; readonly password?: string; readonly token?: string }
  readonly jetstream?: boolean
}

const messageOf = (input: unknown, { settings, envelope, delivery }: ActionContext<NatsSettings>) => ({
  subject: settings.subject.replace(placeholder, (_, name: "workspace" | "type" | "event") => delivery[name]),
  body: input === undefined ? envelope : Buffer.from(JSON.stringify(input)),
  acknowledged: settings.jetstream ?? false,
  headers: {
    // A stream drops a repeat of it within its duplicate window.
    "Nats-Msg-Id": delivery.id,
    "Content-Type": "application/json",
    "Meshes-Event-Id": delivery.event,
    "Meshes-Event-Type": delivery.type,
    "Meshes-Workspace": delivery.workspace,
  },
})

export const nats = defineConnector({
  name: "nats",
  title: "NATS",
  description: "Publishes to a NATS subject.",
  settings,
  defaultAction: "publish",
  check: ({ subject, servers }) => {
    const example = subject.replace(placeholder, "x")
    if (!subjectPattern.test(example)) {
      return [
        {
          path: ["subject"],
          message: `"${subject}" is not a subject to publish to: tokens apart by dots, without spaces, * or >`,
        },
      ]
    }
    if (servers === undefined && (ownSubjects.test(example) || subject.startsWith("{"))) {
      return [
        {
          path: ["subject"],
          message: `"${subject}" may be one of the runtime's own subjects; begin it with a word of your own`,
        },
      ]
    }
    return []
  },
  actions: {
    publish: {
      title: "Publish",
      description: "Publishes the mapped value, or the event when the rule has no mapping.",
      docs: "https://docs.nats.io/nats-concepts/core-nats/pubsub",
      input: Schema.Unknown,
      map: "optional",
      repeat: "key",
      preview: (input, context: ActionContext<NatsSettings>) => {
        const { body, ...message } = messageOf(input, context)
        return { ...message, body: Buffer.from(body).toString() }
      },
      run: (input, context: ActionContext<NatsSettings>, host) => {
        const { servers, credentials } = context.settings
        return host.nats({
          ...messageOf(input, context),
          ...(servers === undefined ? {} : { servers }),
          ...(credentials === undefined ? {} : { credentials }),
        })
      },
    },
  },
})
