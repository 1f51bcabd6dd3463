/**
 * The contract of the calls about API keys.
 */
import * as HttpApiEndpoint from "effect/http-api/HttpApiEndpoint"
import * as HttpApiGroup from "effect/http-api/HttpApiGroup"
import * as HttpApiSchema from "effect/http-api/HttpApiSchema"
import * as OpenApi from "effect/http-api/OpenApi"
import * as Schema from "effect/Schema"
import { limits } from "../config/defaults.ts"
import { scopes } from "../model/key.ts"
import { askProblems, listOf, pageQuery, parameter, problemAt, time } from "./api-parts.ts"

const Texts = Schema.Array(Schema.String)

const terms = {
  scopes: Schema.Array(Schema.Literals(scopes)).annotate({ description: "`admin` includes every other." }),
  workspaces: Texts.annotate({ description: "Absent: all." }),
  allowed_origins: Texts.annotate({
    description: "Of a publishable key: origins whose pages may publish with it, or `*`. Absent: none.",
  }),
  event_types: Texts.annotate({ description: "What it may publish, as types or patterns (`order.*`). Absent: all." }),
  expires_at: time.annotate({ description: "From when on it is refused, in RFC 3339. Absent: never." }),
}

const keyFields = {
  id: Schema.String,
  name: Schema.String,
  prefix: Schema.String.annotate({ description: "What the key begins with, to know it again by." }),
  scopes: terms.scopes,
  publishable: Schema.Boolean,
  workspaces: Schema.optionalKey(terms.workspaces),
  allowed_origins: Schema.optionalKey(terms.allowed_origins),
  event_types: Schema.optionalKey(terms.event_types),
  expires_at: Schema.optionalKey(terms.expires_at),
  created_at: time,
  created_by: Schema.String,
  last_used_at: Schema.optionalKey(
    time.annotate({ description: `Other replicas' uses are known after ${limits.keyUsesEveryMs / 1000} s.` }),
  ),
}

const KeyRecord = Schema.Struct(keyFields).annotate({ identifier: "Key" })

const KeyCreated = Schema.Struct({
  ...keyFields,
  key: Schema.String.annotate({ description: "The key itself: shown now, and never again." }),
}).annotate({ identifier: "KeyCreated" })

const KeyInput = Schema.Struct({
  name: Schema.String.annotate({ description: "For people and the audit: letters, digits, - and _, at most 63." }),
  scopes: Schema.optionalKey(terms.scopes),
  publishable: Schema.optionalKey(
    Schema.Boolean.annotate({ description: "May be seen by anybody, in a page: it may only publish." }),
  ),
  workspaces: Schema.optionalKey(terms.workspaces.annotate({ description: "Absent: all that the asking key has." })),
  allowed_origins: Schema.optionalKey(terms.allowed_origins),
  event_types: Schema.optionalKey(terms.event_types),
  expires_at: Schema.optionalKey(terms.expires_at),
}).annotate({ identifier: "KeyInput" })

export class KeysApi extends HttpApiGroup.make("keys")
  .add(
    HttpApiEndpoint.post("create", "/api/v1/keys", {
      payload: KeyInput,
      success: KeyCreated.pipe(HttpApiSchema.status(201)),
      error: [...askProblems, problemAt(429, "There are as many keys as are kept.")],
    }).annotateMerge(
      OpenApi.annotations({
        summary: "Create a key",
        description: "Every replica takes it within a moment. Only its hash is kept.",
      }),
    ),
    HttpApiEndpoint.get("list", "/api/v1/keys", {
      query: Schema.Struct({ workspace: parameter("Only keys that name it."), ...pageQuery }),
      success: listOf(KeyRecord),
      error: askProblems,
    }).annotateMerge(
      OpenApi.annotations({
        summary: "List keys",
        description: "Those that were made by this API and the command line; not the config's and the environment's.",
      }),
    ),
    HttpApiEndpoint.delete("revoke", "/api/v1/keys/:id", {
      params: Schema.Struct({ id: Schema.String }),
      success: HttpApiSchema.NoContent,
      error: askProblems,
    }).annotateMerge(
      OpenApi.annotations({ summary: "Revoke a key", description: "Every replica refuses it within a moment." }),
    ),
  )
  .annotateMerge(
    OpenApi.annotations({
      title: "Keys",
      description:
        "For keys with the scope `admin`. One that is bound to workspaces sees, makes and revokes keys of these alone.",
    }),
  ) {}
