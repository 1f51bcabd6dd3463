/**
 * The tokens of connections as attempts want them: why there is none becomes an outcome. What needs a person pauses the connection, so
 * that deliveries wait for them without losing attempts.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import type { Outcome } from "../model/outcome.ts"
import { reauthorizationRequired } from "../secrets/authorization.ts"
import type { TokenProblem } from "../secrets/oauth.ts"
import { Tokens } from "../secrets/tokens.ts"
import { CredentialStore } from "./exchange.ts"

export const credentialsLayer = Layer.effect(
  CredentialStore,
  Effect.map(Tokens, (tokens) =>
    CredentialStore.of({
      token: (connection, settings) => Effect.map(tokens.get(connection, settings), Result.mapError(outcomeOf)),
      renew: (connection, settings, refused) =>
        Effect.map(tokens.renew(connection, settings, refused), Result.mapError(outcomeOf)),
    }),
  ),
)

const outcomeOf = ({ kind, message, retryAfterMs }: TokenProblem): Outcome => {
  if (kind !== "later") return { kind: "auth_failed", permanent: false, pause: reauthorizationRequired, message }
  return retryAfterMs === undefined
    ? { kind: "server_error", permanent: false, message }
    : { kind: "rate_limited", permanent: false, message, retryAfterMs }
}
