/**
 * For servers whose tests ask no vendor for anything, nor what happened.
 */
import { Effect, Layer } from "effect"
import { Checks } from "../../../src/ingest/checks.ts"
import { Catalog } from "../../../src/ingest/integrations.ts"
import { Consent } from "../../../src/secrets/consent.ts"
import { noPast } from "./no-past.ts"

const never = () => Effect.die("no test asks a vendor here")

export const noVendors = Layer.mergeAll(
  noPast,
  Layer.succeed(Consent, { offer: never, look: never, take: never, begin: never, finish: never }),
  Layer.succeed(Checks, { test: never, choices: never }),
  Layer.succeed(Catalog, { connectors: async () => [] }),
)
