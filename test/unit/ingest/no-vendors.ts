/**
 * For servers whose tests ask no vendor for anything, replay nothing and keep no audit.
 */
import { Effect, Layer, Result } from "effect"
import { Operator } from "../../../src/ingest/acts.ts"
import { Checks } from "../../../src/ingest/checks.ts"
import { Backtester } from "../../../src/ingest/backtests.ts"
import { Explainer } from "../../../src/ingest/explain.ts"
import { Replayer } from "../../../src/ingest/replays.ts"
import { Audit } from "../../../src/log/audit.ts"
import { Operations } from "../../../src/log/operations.ts"
import { Replays } from "../../../src/log/replays.ts"
import { Catalog } from "../../../src/ingest/integrations.ts"
import { Consent } from "../../../src/secrets/consent.ts"
import { SettingsResolver } from "../../../src/secrets/settings-resolver.ts"

const never = () => Effect.die("no test asks a vendor here")

export const noVendors = Layer.mergeAll(
  Layer.succeed(Consent, { offer: never, look: never, take: never, begin: never, finish: never, end: never }),
  Layer.succeed(Checks, { test: never, choices: never }),
  Layer.succeed(Operator, { delivery: never, event: never, check: () => Result.fail([]), preview: never }),
  Layer.succeed(Operations, {
    ...{ begin: never, find: never, list: never, stop: never, open: never, watch: never, revival: never },
  }),
  Layer.succeed(Replayer, { check: () => Result.fail([]), preview: never }),
  Layer.succeed(Backtester, { check: never }),
  Layer.succeed(Explainer, { explain: never }),
  Layer.succeed(SettingsResolver, { resolve: () => Result.succeed({}), secrets: () => [], lookAgain: () => {} }),
  Layer.succeed(Replays, { begin: never, find: never, list: never, stop: never, open: never, watch: never }),
  Layer.succeed(Audit, { write: () => Effect.void }),
  Layer.succeed(Catalog, { connectors: async () => [] }),
)
