/**
 * What a config and a connector are written with: `import { defineConfig, secret } from "meshes"`. The only barrel.
 */
export { defineConfig, defineWorkspace } from "./config/define.ts"
export type {
  AccountInput,
  AnyWorkspace,
  Config,
  EventTypeInput,
  KeyInput,
  MapInput,
  MapValue,
  PlanInput,
  RuleInput,
  WhenInput,
} from "./config/define.ts"
export { defineConnector, secret, SecretField } from "./config/kit.ts"
export type {
  Action,
  ActionContext,
  Connection,
  ConnectionOptions,
  ConnectorDefinition,
  DurationText,
  Host,
  HttpRequest,
  HttpResponse,
  Resolved,
  RetryOptions,
  SecretRef,
} from "./model/connector.ts"
export type { Event } from "./model/event.ts"
export { httpOutcome, parseRetryAfter } from "./model/http-outcome.ts"
export type { Outcome, OutcomeKind } from "./model/outcome.ts"
