/**
 * The calls that try things, as the server takes them in.
 */
import * as Effect from "effect/Effect"
import * as HttpApiBuilder from "effect/http-api/HttpApiBuilder"
import { Api } from "./api.ts"
import { type Backtester, makeBacktests } from "./backtests.ts"
import { type Explainer, makeExplain } from "./explain.ts"

/** What they are answered by. */
export type Trying = Explainer | Backtester

export const trying = HttpApiBuilder.group(Api, "trying", (handlers) =>
  Effect.map(Effect.all([makeExplain, makeBacktests]), ([explain, backtest]) =>
    handlers
      .handleRaw("explain", ({ request, params }) => explain(request, params))
      .handleRaw("backtest", ({ request, params }) => backtest(request, params)),
  ),
)
