/**
 * For servers whose tests ask nobody for a consent.
 */
import { Effect, Layer } from "effect"
import { Consent } from "../../../src/secrets/consent.ts"

const never = () => Effect.die("no test asks for a consent here")

export const noConsent = Layer.succeed(Consent, { offer: never, look: never, take: never, begin: never, finish: never })
