/**
 * Every default and every limit, in one place. Names end in their unit where it is not bytes or a count.
 * Sources of figures are DESIGN (measured) unless said.
 */

import { historyLimits } from "./history-limits.ts"
import { oauthLimits } from "./oauth-limits.ts"
import { replayLimits } from "./replay-limits.ts"
import { reloadLimits } from "./reload-limits.ts"
import { sessionLimits } from "./session-limits.ts"
import { usageLimits } from "./usage-limits.ts"

const kibibyte = 1024
const mebibyte = 1024 * kibibyte
const second = 1000
const minute = 60 * second
const hour = 60 * minute
const day = 24 * hour

export const defaults = {
  port: 4400,
  host: "127.0.0.1",
  dataDir: ".meshes",
  logLevel: "info",
  configFile: "meshes.config.ts",
  workers: 1,
} as const

export const limits = {
  // ── what comes in ──
  /** One event's envelope. NATS' own `max_payload` is 1 MiB, and a delivery's line must fit beside it. */
  eventBytes: 512 * kibibyte,
  /** Levels of nesting in a payload. */
  eventDepth: 64,
  bulkEvents: 1000,
  /** A whole bulk request. */
  bulkBytes: 16 * mebibyte,
  /** How long an id or an idempotency key is remembered. NATS' default window; its server holds each key in memory. */
  idempotencyWindowMs: 2 * minute,
  /** How long a publisher is kept waiting for the log before it is told 503. */
  acceptTimeoutMs: 10 * second,
  /** Requests being read or stored at once; more are answered 503. */
  requestsInFlight: 4096,
  /** Bytes of request bodies held at once; what would exceed them is answered 503. */
  requestBytesInFlight: 256 * mebibyte,
  /** Open connections of clients. */
  connections: 10_000,
  requestHeadersTimeoutMs: 10 * second,
  requestTimeoutMs: 60 * second,
  /** How often requests that take too long to arrive are looked for. */
  connectionsCheckedEveryMs: 5 * second,
  /** How long a connection is kept between two requests: longer than the load balancers before it do. */
  keepAliveMs: 75 * second,

  // ── config ──
  workspaces: 100_000,
  connectionsPerWorkspace: 1000,
  rulesPerWorkspace: 10_000,
  actionsPerRule: 100,
  expressionCharacters: 16 * kibibyte,
  /** Attempts under way at once to one connection. */
  concurrencyMax: 1000,
  attemptTimeoutMaxMs: 5 * minute,
  rateLimitMax: 1_000_000,
  rateLimitPerMaxMs: 1 * day,
  retryAttemptsMax: 100,
  retryWaitMaxMs: 7 * day,
  ...reloadLimits,
  /** Errors shown of one config; the count is always whole. */
  issuesShown: 100,

  // ── expressions (JSONata's own guards) ──
  expressionTimeoutMs: 200,
  /** How often an expression is begun again that took too long: the machine may have stood still. */
  expressionTries: 3,
  expressionStack: 200,
  /** Compiled expressions that are kept for configs that repeat them. */
  expressionsRemembered: 100_000,
  /** Parsed forms that expressions which differ in their constants share. */
  templatesRemembered: 10_000,
  /** Compiled mappings, and structures of mappings, that are kept for configs that repeat them. */
  mappingsRemembered: 10_000,
  /** Characters of an expression's line shown with an error. */
  expressionShown: 120,
  expressionSequence: 10_000,
  /** What a mapping may produce. */
  mappedBytes: 1 * mebibyte,

  // ── the log ──
  /** The server's limit for one atomic batch. */
  batchMessages: 1000,
  batchBytes: 4 * mebibyte,
  /** How long a batch may take to be acknowledged before its fate is asked for again. */
  batchTimeoutMs: 5 * second,
  /** Group commits in flight for events. One gathers while the others are stored. */
  batchesInFlight: 2,
  /** Events waiting to be stored; more are answered 503. */
  appendQueue: 20_000,
  /** Messages read ahead for a person. */
  readerPrefetch: 500,
  /** Larger events travel as a reference to their place in `EVENTS`. */
  eventInline: 16 * kibibyte,
  eventsMaxAgeMs: 30 * day,
  /** A month and some days: a projection that is made anew knows what was used in the whole of the running month. */
  historyMaxAgeMs: 35 * day,
  deadMaxAgeMs: 30 * day,

  ...usageLimits,

  // ── routing ──
  /** Fixed when the streams are made: a workspace belongs to one partition. */
  partitions: 8,
  /** Events read ahead by one partition's router. */
  routerPrefetch: 2000,
  /** Events decided in one batch. */
  routerBatchEvents: 500,
  /** Event types whose rules a workspace's index remembers. */
  indexedTypes: 1000,
  /** Conditions of one event that failed, recorded with their reasons. */
  ruleFailuresRecorded: 50,

  // ── replays ──
  ...replayLimits,

  // ── delivering ──
  /** Fixed when the streams are made: a connection belongs to one shard. */
  shards: 16,
  /** Deliveries that one shard holds in memory, unacknowledged. */
  shardInFlight: 1024,
  /**
   * In a shard that is three quarters full, a lane is parked when its oldest waiting delivery waited for this long, unless it moves so
   * fast that what it holds is gone within `laneBacklogMs`: parking costs two writes a delivery, which a fast lane's others need not be
   * spared a moment's wait for.
   */
  laneSlowMs: 1 * second,
  laneBacklogMs: 4 * second,
  /** How often a shard looks for such lanes. */
  laneCheckMs: 200,
  /** Deliveries that a lane takes back at once from what was parked for it, as a multiple of its concurrency. */
  parkedPrefetch: 2,
  /** The server's bound of the same, for any lane. */
  parkedInFlight: 4096,
  /** The server forgets a lane's consumer of parked deliveries when nobody reads it for this long. */
  parkedConsumerIdleMs: 1 * day,
  /** How often finished deliveries are removed from the log, many with one purge. */
  sweepEveryMs: 2 * second,
  /** One `HISTORY` message. */
  historyMessageCharacters: 256 * kibibyte,
  /** Lanes of one shard that drain what was parked for them at the same time: each needs a consumer of the server's. */
  drainingLanes: 32,
  /** The server gives a delivery to another owner when its holder was silent for this long. */
  ackWaitMs: 10 * second,
  /** An owner that asks for nothing for this long is no longer the one that the server gives a shard's deliveries to. */
  pinTimeoutMs: 5 * second,
  /** How long a pinned owner's request stands open: it is asked anew well within `pinTimeoutMs`. */
  pinnedPullExpiresMs: 2 * second,
  pinnedPullHeartbeatMs: 900,
  /** How often a delivery that is still being worked on says so. */
  workingEveryMs: 3 * second,
  /** A shard is begun again when it found work waiting, and got none, more often than this in a row. A pin may have to run out first. */
  overdueLooks: 4,
  /** Outcomes are gathered for this long before they are committed together. */
  commitWindowMs: 3,
  commitOutcomes: 500,
  laneIdleMs: 60 * second,
  /** Finished deliveries that a shard remembers, so that a message sent again by the server is not sent to its destination again. */
  recentDeliveries: 4096,

  // ── instructions to lanes ──
  /** How long whoever asks for a retry or a cancellation waits for the lane's word: longer than a takeover lasts. */
  instructionWaitMs: 10 * second,
  /** Deliveries of one event that are retried or cancelled at once. */
  instructedAtOnce: 32,
  /** Deliveries that a retry or a cancellation of many takes at once: their records must fit its checkpoint. */
  operationPage: 100,
  /** Deliveries counted at once by a preview. */
  operationPreviewPage: 500,
  /** Such operations of one workspace that are not over; more are refused. They go on one after the other. */
  operationsPerWorkspace: 20,
  /** The body of a request that begins one. */
  operationBodyBytes: 64 * kibibyte,
  /** An instruction is remembered for this long at the least: longer than an attempt that was begun before it can last. */
  instructionKeptMs: 1 * hour,
  /** How often those that nothing waits for any more are removed. */
  instructionsForgottenEveryMs: 1 * minute,

  // ── order ──
  /** Deliveries of one ordered connection that were read and are not all accounted for. */
  orderedWindow: 1024,
  /** Read from the log at once, by an ordered lane. */
  orderedBatch: 128,
  orderedBatchBytes: 2 * mebibyte,
  /** Deliveries that an ordered lane holds ready to send, at the least; otherwise `parkedPrefetch` times its concurrency. */
  orderedAhead: 32,
  /** Deliveries of one key that wait in memory; a key with more is read from the log by itself. */
  orderedKeyQueue: 8,
  /** All traces of an ordered lane are removed from the log when it had nothing to do for this long. */
  orderedClearMs: 10 * second,
  /** Keys of one connection that wait for a retry or catch up; beyond it the connection waits for one of them to end. */
  orderedMarks: 10_000,
  /** Marks that are no longer needed, removed at once. */
  marksRemoved: 50,

  // ── circuits ──
  /** Attempts that a circuit remembers to know the rate of failures by. */
  circuitWindow: 100,
  circuitFailuresMax: 1000,
  circuitWaitMaxMs: 1 * hour,
  /** `auth_failed` so often in a row pauses the connection. */
  authFailuresToPause: 5,
  /** Characters of the reason that a connection is paused for. */
  pauseReasonCharacters: 200,
  /** The body of a request that pauses one. */
  pauseBodyBytes: 4 * kibibyte,

  // ── keys ──
  /** Keys that are kept in the log; and those of them that name one workspace. */
  keys: 100_000,
  keysPerWorkspace: 1000,
  /** Workspaces that one of them names. */
  keyWorkspaces: 100,
  /** Origins, and patterns of event types, of one key. */
  keyOrigins: 50,
  keyEventTypes: 100,
  /** A request that makes one. */
  keyBodyBytes: 64 * kibibyte,
  /** How long the log remembers that a key was revoked: longer than a watch can be interrupted and go on. */
  keyRevokedMs: 1 * hour,
  /** How often a replica tells the others when keys were used last, and how long that is remembered. */
  keyUsesEveryMs: 60 * second,
  keyUsesKeptMs: 365 * day,
  /** How often, at the most, the audit is told that one key is used though it has expired. */
  keyRefusedToldEveryMs: 1 * hour,
  /** What the audit keeps of the name that a caller's program gives itself. */
  agentCharacters: 200,
  /** How long a browser remembers that it may ask. Chrome keeps it for no longer. */
  preflightMs: 2 * hour,

  ...sessionLimits,

  // ── secrets ──
  /** One secret, in bytes of UTF-8. */
  secretBytes: 64 * kibibyte,
  /** Keys of the ring: as many as take part in a rotation, and some. */
  secretKeys: 16,
  /** How long the log remembers that a record was removed: longer than a watch can be interrupted and go on. */
  vaultRemovedMs: 1 * hour,
  /** How often a record that others change too is decided anew before that is an error. */
  vaultTries: 20,
  /** Records that a rotation seals anew at once. */
  vaultRotating: 32,
  /** A request that sets a secret: every character of it may be escaped. */
  secretBodyBytes: 512 * kibibyte,

  // ── replicas ──
  /** A lease that is not renewed for this long is free: how soon the work of a replica that vanished can be taken over. */
  leaseMs: 6 * second,
  /** Its holder stops this long before, so that nothing is begun that somebody else may begin too. */
  leaseSlackMs: 1 * second,
  leaseRenewMs: 1500,
  /** How often a replica looks for members and for work that has become its own. */
  leaseLookMs: 500,
  /** How long work is held on to while what is in flight ends, before it is handed over all the same. */
  handOverMs: 15 * second,

  // ── an attempt ──
  /** Deliveries that go in one call, whatever the vendor allows. */
  batchSizeMax: 1000,
  batchWaitMaxMs: 10 * second,
  /** Inputs of one call as JSON, where the vendor says nothing. */
  batchInputBytes: 4 * mebibyte,
  /** How long an attempt of several calls waits between two of them for a vendor whose allowance is used up. */
  batchHoldMs: 10 * second,
  /** How much of an answer is read where it tells of many things: of a batch, a list, a test. */
  longResponseRead: 4 * mebibyte,
  /** Pages of a list of choices. */
  listPages: 20,
  /** Longest `Retry-After` that is obeyed. */
  retryAfterMaxMs: 1 * day,
  responseBodyRead: 64 * kibibyte,
  responseBodyKept: 2 * kibibyte,
  /** Characters of a failed attempt's own body that the history keeps. */
  requestBodyKept: 2 * kibibyte,
  messageCharacters: 500,
  /** Response headers. */
  responseHeaderBytes: 32 * kibibyte,
  redirects: 3,
  connectTimeoutMs: 10 * second,
  /** Connections to one origin; lanes bound what they use of them. */
  connectionsPerOrigin: 256,
  /** Origins with open connections. */
  pools: 2000,
  /** How long an unused connection is kept, where the destination does not say. */
  keepAliveOutMs: 30 * second,
  urlsRemembered: 10_000,

  ...oauthLimits,

  // ── looking back ──
  /** How far back lists look when nobody says. */
  lookBackMs: 1 * day,
  /** Deliveries that a list holds in memory; of more, the latest. */
  deliveriesListed: 20_000,
  /** Lines of a list when nobody says. */
  linesListed: 50,

  ...historyLimits,

  // ── supervision ──
  /** How long a loop waits for work before it makes sure that there is none. */
  idleCheckMs: 2 * second,
  restartDelayMs: 100,
  restartDelayMaxMs: 10 * second,
  /** A loop that neither moved nor proved itself idle for this long makes the runtime unready. */
  loopSilenceMs: 10 * second,
  shutdownMs: 20 * second,
  readyPollMs: 20,
  /** Processes of one `meshes start`. */
  workersMax: 64,
  /** How long a worker may take to say how it is, before it is said not to be ready. */
  workerAnswerMs: 2 * second,
  /** What a worker prints of a line before it is passed on unfinished. */
  workerLineBytes: 8 * mebibyte,
  natsReconnectWaitMs: 250,
  natsConnectTimeoutMs: 5 * second,
  /** How often the server is asked what time it is, and how long its answer may take to be believed. */
  logTimeEveryMs: 5 * second,
  logTimeRoundMs: 1 * second,
  /** The same until the server has answered for the first time. */
  logTimeFirstMs: 50,
  /** How long `start` waits for a server that does not answer. */
  natsStartWaitMs: 60 * second,
  /** The embedded server. */
  natsServerVersionMs: 10 * second,
  natsServerFetchMs: 120 * second,
  natsServerStopMs: 10 * second,
  natsServerLinesKept: 20,
  embeddedMaxPayload: 2 * mebibyte,
  /** `max_payload` that the server must allow: an event, its delivery's line and headers. */
  natsPayloadMin: 1 * mebibyte,
  /** Other NATS servers that the `nats` connector keeps connections to. */
  natsConnectionsElsewhere: 64,
  /** How long a request for messages stands open, and how often the server says that it still does. */
  pullExpiresMs: 30 * second,
  pullHeartbeatMs: 2 * second,
} as const

/** How a connection is driven when it does not say otherwise. */
export const connectionDefaults = {
  concurrency: 64,
  timeoutMs: 30 * second,
  /** 8 attempts over 28 hours: 20 s, 100 s, 8 min, 42 min, 3.5 h, 12 h, 12 h. */
  retry: { attempts: 8, initialMs: 20 * second, factor: 5, maxMs: 12 * hour, jitter: 0.1 },
  /**
   * A circuit opens after `failures` in a row, or when of at least `minimum` attempts among the last `limits.circuitWindow` a share of
   * `rate` failed. It is tried again after `waitMs`, then after twice that, up to `maxWaitMs`.
   */
  circuit: { failures: 10, rate: 0.5, minimum: 50, waitMs: 5 * second, maxWaitMs: 60 * second },
  /** How long a delivery waits for others to go with it. */
  batch: { waitMs: 200 },
} as const

/** The least nats-server that has atomic batches and message schedules. */
export const natsServerMinimum = "2.12.0"
