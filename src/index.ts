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
export { defineConnector, OAuthField, secret, SecretField } from "./config/kit.ts"
export type { Auth, OAuth2, OAuthSetting, Token } from "./model/auth.ts"
export { path, UnfitInput } from "./model/complete.ts"
export type {
  Action,
  ActionContext,
  Answer,
  ApiRequest,
  BatchAction,
  BatchItem,
  BatchOptions,
  Call,
  Connection,
  ConnectionOptions,
  ConnectorDefinition,
  DurationText,
  Host,
  HttpRequest,
  HttpResponse,
  Judge,
  RequestAction,
  RequestTemplate,
  Resolved,
  RetryOptions,
  SecretRef,
  StepsAction,
} from "./model/connector.ts"
export type { Event } from "./model/event.ts"
export { httpOutcome, parseRetryAfter } from "./model/http-outcome.ts"
export { makeJudge, untilUnix } from "./model/judge.ts"
export type { JudgeRules, Read, Verdict } from "./model/judge.ts"
export type { Outcome, OutcomeKind } from "./model/outcome.ts"
