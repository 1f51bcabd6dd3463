/**
 * The contract of the calls about who is asking: signing in and out, and sessions for pages that frame ours.
 */
import * as HttpApiEndpoint from "effect/http-api/HttpApiEndpoint"
import * as HttpApiGroup from "effect/http-api/HttpApiGroup"
import * as HttpApiSchema from "effect/http-api/HttpApiSchema"
import * as OpenApi from "effect/http-api/OpenApi"
import * as Schema from "effect/Schema"
import { limits } from "../config/defaults.ts"
import { resourcePattern } from "../model/ids.ts"
import { scopes } from "../model/key.ts"
import { roles } from "../model/role.ts"
import { askProblems, listOf, pageQuery, parameter, problemAt, readProblems, text, time } from "./api-parts.ts"

/** What lets somebody in: never shown again, and nothing that a path could name. */
const credential = (description: string) => Schema.String.annotate({ format: "password", description })

const role = Schema.Literals(roles).annotate({
  description: "`member`: looks; `admin`: sees payloads and operates too; `owner`: may do all there.",
})
const resource = text(resourcePattern, "Only what is about this resource is shown, and only that can be done.")
const resourceId = text(resourcePattern, "And only about this one of them.")
const scopeList = Schema.Array(Schema.Literals(scopes)).annotate({ description: "`admin` includes every other." })

export const Me = Schema.Struct({
  name: Schema.String.annotate({ description: "The key's name, the member's address, the session's user." }),
  kind: Schema.Literals(["key", "member", "embed"]),
  scopes: scopeList,
  workspaces: Schema.optionalKey(Schema.Array(Schema.String).annotate({ description: "Absent: all." })),
  account: Schema.optionalKey(Schema.String.annotate({ description: "Of a member." })),
  role: Schema.optionalKey(role),
  resource: Schema.optionalKey(resource),
  resource_id: Schema.optionalKey(resourceId),
  expires_at: Schema.optionalKey(
    time.annotate({ description: "When the session, or the key, is over. Absent: never." }),
  ),
}).annotate({ identifier: "Me" })

const SignIn = Schema.Union([
  Schema.Struct({ key: credential("A key with the scope `read` that is not publishable.") }),
  Schema.Struct({ link: credential("What stands behind `#link=` in a member's link.") }),
]).annotate({ identifier: "SignIn" })

export class SignInApi extends HttpApiGroup.make("signIn")
  .add(
    HttpApiEndpoint.post("signIn", "/api/v1/sign-in", {
      payload: SignIn,
      success: Me,
      error: [...askProblems, problemAt(429, "There are as many sessions as are kept.")],
    }).annotateMerge(
      OpenApi.annotations({
        summary: "Sign in",
        description: `Sets the cookie of a session of at most ${limits.sessionMs / 3_600_000} hours. A link is good once.`,
      }),
    ),
    HttpApiEndpoint.delete("signOut", "/api/v1/sign-in", {
      success: HttpApiSchema.NoContent,
      error: readProblems,
    }).annotateMerge(OpenApi.annotations({ summary: "Sign out", description: "Ends the session that asks." })),
    HttpApiEndpoint.get("me", "/api/v1/me", { success: Me, error: readProblems }).annotateMerge(
      OpenApi.annotations({ summary: "Show who is asking", description: "For every key, and every session." }),
    ),
  )
  .annotateMerge(
    OpenApi.annotations({
      title: "Signing in",
      description:
        "For browsers, which keep a session's cookie. A request that changes something by it must come from a page of this origin.",
    }),
  ) {}

const origins = Schema.Array(Schema.String.annotate({ format: "uri" })).annotate({
  description: "Whose pages may frame it, such as `https://app.example.com`.",
})

const sessionFields = {
  id: Schema.String,
  workspace: Schema.String,
  role,
  allowed_origins: origins,
  user: Schema.optionalKey(Schema.String),
  resource: Schema.optionalKey(resource),
  resource_id: Schema.optionalKey(resourceId),
  created_at: time,
  created_by: Schema.String,
  expires_at: time.annotate({ description: "When it is over, whatever is refreshed." }),
}

const SessionRecord = Schema.Struct(sessionFields).annotate({ identifier: "Session" })

const SessionMinted = Schema.Struct({
  ...sessionFields,
  launch_url: Schema.String.annotate({ description: "For the frame's `src`, at once: it is good once." }),
  launch_expires_at: time,
}).annotate({ identifier: "SessionMinted" })

const SessionToken = Schema.Struct({
  ...sessionFields,
  token: credential("Sent as `Authorization: Bearer <token>`; shown now, and never again."),
  token_expires_at: time,
}).annotate({ identifier: "SessionToken" })

const SessionInput = Schema.Struct({
  workspace: Schema.String,
  role,
  allowed_origins: origins,
  user: Schema.optionalKey(
    Schema.String.annotate({
      description: `Who it is for, in your own words: the audit names it. At most ${limits.sessionUserCharacters} characters.`,
    }),
  ),
  resource: Schema.optionalKey(resource),
  resource_id: Schema.optionalKey(resourceId),
}).annotate({ identifier: "SessionInput" })

const Launch = Schema.Struct({ launch: credential("What stands behind `?launch=` in the launch URL.") }).annotate({
  identifier: "Launch",
})

export class SessionsApi extends HttpApiGroup.make("sessions")
  .add(
    HttpApiEndpoint.post("mint", "/api/v1/sessions", {
      payload: SessionInput,
      success: SessionMinted.pipe(HttpApiSchema.status(201)),
      error: [...askProblems, problemAt(429, "There are as many sessions as are kept.")],
    }).annotateMerge(
      OpenApi.annotations({
        summary: "Mint a session",
        description:
          "For a key with the scope `admin`. The session may never do more than that key, and ends with it, " +
          `after ${limits.sessionMs / 3_600_000} hours, or when its page was closed for ${limits.sessionTokenMs / 60_000} minutes.`,
      }),
    ),
    HttpApiEndpoint.post("launch", "/api/v1/sessions/launch", {
      payload: Launch,
      success: SessionToken,
      error: askProblems,
    }).annotateMerge(
      OpenApi.annotations({
        summary: "Launch a session",
        description: `For the framed page. Once, within ${limits.launchMs / 1000} seconds of minting.`,
      }),
    ),
    HttpApiEndpoint.post("refresh", "/api/v1/sessions/refresh", {
      success: SessionToken,
      error: readProblems,
    }).annotateMerge(
      OpenApi.annotations({
        summary: "Refresh a session's token",
        description: `With the token in use, which stays good to its end. A token lasts ${limits.sessionTokenMs / 60_000} minutes.`,
      }),
    ),
    HttpApiEndpoint.get("list", "/api/v1/sessions", {
      query: Schema.Struct({ workspace: parameter("Only sessions of it."), ...pageQuery }),
      success: listOf(SessionRecord),
      error: readProblems,
    }).annotateMerge(
      OpenApi.annotations({ summary: "List sessions", description: "Those that were minted and are not over." }),
    ),
    HttpApiEndpoint.delete("end", "/api/v1/sessions/:id", {
      params: Schema.Struct({ id: Schema.String }),
      success: HttpApiSchema.NoContent,
      error: readProblems,
    }).annotateMerge(
      OpenApi.annotations({ summary: "End a session", description: "Every replica refuses it within a moment." }),
    ),
  )
  .annotateMerge(
    OpenApi.annotations({
      title: "Sessions",
      description: "Pages of one workspace inside a page of yours: minted by your server, launched by the frame.",
    }),
  ) {}
