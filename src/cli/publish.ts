/**
 * `meshes publish`: one event, over HTTP, to the runtime that is running here or to another.
 */
import { readFile } from "node:fs/promises"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import { settingsOf, shared } from "./context.ts"
import { AnswerIsNo, good, note, printJson, WrongUse } from "./output.ts"
import { remoteFlags, remoteOf, sayProblem, send } from "./remote.ts"

export const eventFlags = {
  type: Argument.String("type").pipe(Argument.withDescription("What happened: lead.created")),
  workspace: Flag.String("workspace").pipe(
    Flag.withAlias("w"),
    Flag.optional,
    Flag.withDescription("The tenant; may be left out when the key is bound to one"),
  ),
  payload: Flag.String("payload").pipe(
    Flag.withAlias("d"),
    Flag.withDefault("{}"),
    Flag.withDescription("A JSON object, @file, or - for standard input"),
  ),
  resource: Flag.String("resource").pipe(Flag.optional),
  resourceId: Flag.String("resource-id").pipe(Flag.optional),
  id: Flag.String("id").pipe(Flag.optional, Flag.withDescription("The event's id; a repeat of it is stored once")),
}

interface EventFlags {
  readonly type: string
  readonly workspace: Option.Option<string>
  readonly payload: string
  readonly resource: Option.Option<string>
  readonly resourceId: Option.Option<string>
  readonly id: Option.Option<string>
}

/** The event that the flags describe, as it would be sent. */
export const eventOf = (flags: EventFlags) =>
  Effect.map(readPayload(flags.payload), (payload) => ({
    type: flags.type,
    workspace: Option.getOrUndefined(flags.workspace),
    resource: Option.getOrUndefined(flags.resource),
    resource_id: Option.getOrUndefined(flags.resourceId),
    id: Option.getOrUndefined(flags.id),
    payload,
  }))

const readPayload = (text: string) =>
  Effect.tryPromise({
    try: async (): Promise<unknown> => {
      const source =
        text === "-" ? await readInput() : text.startsWith("@") ? await readFile(text.slice(1), "utf8") : text
      return JSON.parse(source) as unknown
    },
    catch: (cause) =>
      new WrongUse({
        message: `--payload ${text.length > 60 ? `${text.slice(0, 60)}…` : text} cannot be read: ${(cause as Error).message}. Give a JSON object, @file, or - for standard input`,
      }),
  })

const readInput = async (): Promise<string> => {
  const chunks: Array<Buffer> = []
  for await (const chunk of process.stdin) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString()
}

export const publish = Command.make(
  "publish",
  {
    ...eventFlags,
    ...remoteFlags,
  },
  Effect.fn(function* (flags) {
    const { config, json } = yield* shared
    const settings = yield* settingsOf({ config })
    const event = yield* eventOf(flags)
    const remote = yield* remoteOf(settings, flags)
    const answer = yield* send(remote, "/api/v1/events", { method: "POST", body: event })
    const { status, body } = answer
    if (json) printJson(body)
    if (status === 200 || status === 201) {
      const stored = body as {
        readonly event: { readonly id: string; readonly type: string; readonly workspace: string }
        readonly duplicate?: boolean
      }
      if (!json) {
        good(
          `${stored.event.id} ${stored.event.type} ${stored.event.workspace}${stored.duplicate === true ? " (it was there already)" : " stored"}`,
        )
        note(`  what became of it: meshes events show ${stored.event.id}`)
      }
      return
    }
    if (!json) sayProblem(answer)
    return yield* new AnswerIsNo()
  }),
).pipe(
  Command.withDescription("Publish one event"),
  Command.withExamples([
    { command: `meshes publish lead.created --workspace acme --payload '{"id":"1"}'`, description: "An event" },
    { command: "meshes publish lead.created -w acme -d @lead.json", description: "The payload from a file" },
  ]),
)
