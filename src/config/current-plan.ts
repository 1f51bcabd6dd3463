/**
 * The plan that is in force. A reload swaps it; stages ask for it each time they begin something and keep that one to the end of it.
 */
import * as Context from "effect/Context"
import type { Plan } from "./plan.ts"

export class CurrentPlan extends Context.Service<CurrentPlan, { readonly get: () => Plan }>()("meshes/CurrentPlan") {}
