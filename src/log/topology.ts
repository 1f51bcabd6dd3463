/**
 * Every stream, subject and consumer name, and the shape each stream must have (DESIGN §3). Nothing else in the product spells a subject.
 */
import { nanos, type WithRequired } from "@nats-io/nats-core"
import { DiscardPolicy, RetentionPolicy, StorageType, type StreamConfig } from "@nats-io/jetstream"
import { limits } from "../config/defaults.ts"
import type { DeliveryId, EventType, KeyId, WorkspaceId } from "../model/ids.ts"

export const streams = {
  events: "EVENTS",
  deliveries: "DELIVERIES",
  dead: "DEAD",
  history: "HISTORY",
  /** Key-value buckets by their shape, written in batches. */
  leases: "KV_MESHES_LEASES",
  connections: "KV_MESHES_CONNECTIONS",
  vault: "KV_MESHES_VAULT",
  config: "KV_MESHES_CONFIG",
  keys: "KV_MESHES_KEYS",
  usage: "KV_MESHES_USAGE",
  replays: "KV_MESHES_REPLAYS",
  operations: "KV_MESHES_OPERATIONS",
  sessions: "KV_MESHES_SESSIONS",
} as const

export const subjects = {
  /** Where producers publish. */
  event: (workspace: WorkspaceId, type: EventType) => `events.${workspace}.${type}`,
  /** Events as stored, of a workspace (`*`: of all) and of a type's pattern. */
  stored: (workspace: string, pattern: string) => `evt.*.${workspace}.${pattern}`,
  /** What one router reads. */
  partition: (partition: number) => `evt.${partition}.>`,
  /** A router's checkpoint. */
  checkpoint: (partition: number) => `ckpt.${partition}`,
  /** A task's, beside the deliveries that it accounts for. */
  taskCheckpoint: (task: string) => `ckpt.${task}`,
  /** Work that is ready. */
  deliver: (shard: number, workspace: WorkspaceId, connection: string) => `deliver.${shard}.${workspace}.${connection}`,
  /** All ready work of a shard. */
  deliverShard: (shard: number) => `deliver.${shard}.>`,
  /** A retry that waits for its time. */
  due: (shard: number, workspace: WorkspaceId, connection: string, delivery: DeliveryId) =>
    `due.${shard}.${workspace}.${connection}.${delivery}`,
  /** What a person wants of a delivery, beside its retry; `*` stands for any. */
  instruction: (shard: number, workspace: string, connection: string, delivery: string) =>
    `due.${shard}.${workspace}.${connection}.${delivery}.instruction`,
  /** Ready work that its lane could not take. */
  parked: (shard: number, workspace: WorkspaceId, connection: string) => `parked.${shard}.${workspace}.${connection}`,
  /** A delivery that keeps its order: it stays where it was stored until it is done. `key` is a `keyToken`, or `>` for all. */
  ordered: (shard: number, workspace: WorkspaceId, connection: string, key: string) =>
    `order.${shard}.${workspace}.${connection}.${key}`,
  orderedShard: (shard: number) => `order.${shard}.>`,
  /** All deliveries of a workspace that are to be made, now or later. The connection is the fourth part of each. */
  waiting: (workspace: WorkspaceId) => [
    `deliver.*.${workspace}.*`,
    `due.*.${workspace}.*.*`,
    `parked.*.${workspace}.*`,
    `order.*.${workspace}.*.>`,
  ],
  /** How far an ordered lane has come. */
  lane: (shard: number, workspace: WorkspaceId, connection: string) => `lane.${shard}.${workspace}.${connection}`,
  /** How far one key of it has come, while it is on its own. */
  mark: (shard: number, workspace: WorkspaceId, connection: string, key: string) =>
    `mark.${shard}.${workspace}.${connection}.${key}`,
  /** A replica that is alive. */
  member: (member: string) => `$KV.MESHES_LEASES.member.${member}`,
  /** Who runs a router or a shard: `route.3`, `deliver.12`. */
  lease: (unit: string) => `$KV.MESHES_LEASES.lease.${unit}`,
  /** The state of a connection's circuit. */
  connection: (workspace: WorkspaceId, connection: string) => `$KV.MESHES_CONNECTIONS.${workspace}.${connection}`,
  /** A sealed record. `name` is a `nameToken`, or `*` for all. */
  sealed: (kind: string, workspace: WorkspaceId, name: string) => `$KV.MESHES_VAULT.${kind}.${workspace}.${name}`,
  /** Which config is in force. */
  configHead: "$KV.MESHES_CONFIG.head",
  /** A piece of its summary. */
  configPart: (revision: string, part: number | "*") => `$KV.MESHES_CONFIG.part.${revision}.${part}`,
  /** An API key, without the key itself. `*` for all. */
  key: (id: KeyId) => `$KV.MESHES_KEYS.key.${id}`,
  /** When it was used last. */
  keyUse: (id: KeyId) => `$KV.MESHES_KEYS.used.${id}`,
  /** Both, of all keys. */
  keys: "$KV.MESHES_KEYS.>",
  /** A session, with the hashes of its tokens. `*` for all. */
  session: (id: string) => `$KV.MESHES_SESSIONS.${id}`,
  /** What a replay is. `scope` is its workspace, or `_` for one over all; `*` stands for any. */
  replay: (scope: string, replay: string) => `$KV.MESHES_REPLAYS.${scope}.${replay}`,
  /** The same of an operation. */
  operation: (scope: string, operation: string) => `$KV.MESHES_OPERATIONS.${scope}.${operation}`,
  /** What is known of a scope's usage in a month. `kind`: `account` (`name` is a `keyToken`) or `workspace`. */
  usage: (month: string, kind: string, name: string) => `$KV.MESHES_USAGE.${month}.${kind}.${name}`,
  dead: (workspace: WorkspaceId, connection: string, delivery: DeliveryId) =>
    `dead.${workspace}.${connection}.${delivery}`,
  /** `writer` is `route.<partition>`, `deliver.<shard>`, `replay` or `operate`. */
  history: (writer: string) => `history.${writer}`,
} as const

/** The parts of a subject in `EVENTS` as stored: `evt.<partition>.<workspace>.<type…>`. */
export const parseEventSubject = (subject: string): { readonly workspace: WorkspaceId; readonly type: EventType } => {
  const first = subject.indexOf(".")
  const second = subject.indexOf(".", first + 1)
  const third = subject.indexOf(".", second + 1)
  return { workspace: subject.slice(second + 1, third), type: subject.slice(third + 1) }
}

/** The partition in such a subject. */
export const partitionOf = (subject: string): number => Number(subject.slice(4, subject.indexOf(".", 4)))

/** Which shard a connection's deliveries go through: FNV-1a of `<workspace>/<connection>`. Stable: it is in stored subjects. */
export const shardOf = (workspace: WorkspaceId, connection: string): number => {
  let hash = 0x811c9dc5
  const text = `${workspace}/${connection}`
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  return (hash >>> 0) % limits.shards
}

const base = {
  storage: StorageType.File,
  num_replicas: 1,
  discard: DiscardPolicy.New,
  allow_direct: true,
  allow_atomic: true,
} as const

export type StreamShape = WithRequired<Partial<StreamConfig>, "name"> & { readonly subjects: Array<string> }

export const streamShapes = (): ReadonlyArray<StreamShape> => [
  {
    ...base,
    name: streams.events,
    description: "Meshes: every event, as published",
    subjects: ["events.*.>"],
    subject_transform: {
      src: "events.*.>",
      dest: `evt.{{partition(${limits.partitions},1)}}.{{wildcard(1)}}.>`,
    },
    retention: RetentionPolicy.Limits,
    max_age: nanos(limits.eventsMaxAgeMs),
    duplicate_window: nanos(limits.idempotencyWindowMs),
  },
  {
    ...base,
    name: streams.deliveries,
    description: "Meshes: deliveries to make, now or later, and the routers' checkpoints",
    subjects: ["deliver.>", "due.>", "parked.>", "ckpt.*", "order.>", "lane.>", "mark.>"],
    // Not a work queue: its every acknowledgement costs an fsync (docs/decisions/0003). What is finished is purged by `Work.sweep`.
    retention: RetentionPolicy.Limits,
    allow_rollup_hdrs: true,
    allow_msg_schedules: true,
    // The server refuses `new` beside schedules. Nothing is ever discarded: the stream has no bound of its own.
    discard: DiscardPolicy.Old,
    duplicate_window: nanos(limits.idempotencyWindowMs),
  },
  {
    ...base,
    name: streams.dead,
    description: "Meshes: deliveries that were given up, with their last outcome",
    subjects: ["dead.>"],
    retention: RetentionPolicy.Limits,
    max_age: nanos(limits.deadMaxAgeMs),
    max_msgs_per_subject: 1,
    discard: DiscardPolicy.Old,
  },
  {
    ...base,
    name: streams.history,
    description: "Meshes: what happened to every event and delivery",
    subjects: ["history.>"],
    retention: RetentionPolicy.Limits,
    max_age: nanos(limits.historyMaxAgeMs),
    duplicate_window: nanos(limits.idempotencyWindowMs),
  },
  {
    ...base,
    name: streams.leases,
    description: "Meshes: the replicas that are alive, and which of them runs what",
    subjects: ["$KV.MESHES_LEASES.>"],
    retention: RetentionPolicy.Limits,
    max_msgs_per_subject: 1,
    max_age: nanos(limits.leaseMs),
    duplicate_window: nanos(limits.leaseMs),
  },
  {
    ...base,
    name: streams.connections,
    description: "Meshes: the state of each connection's circuit",
    subjects: ["$KV.MESHES_CONNECTIONS.>"],
    retention: RetentionPolicy.Limits,
    max_msgs_per_subject: 1,
    duplicate_window: nanos(limits.idempotencyWindowMs),
  },
  {
    ...base,
    name: streams.vault,
    description: "Meshes: secrets and tokens of workspaces, sealed",
    subjects: ["$KV.MESHES_VAULT.>"],
    retention: RetentionPolicy.Limits,
    max_msgs_per_subject: 1,
    allow_msg_ttl: true,
    duplicate_window: nanos(limits.idempotencyWindowMs),
  },
  {
    ...base,
    name: streams.config,
    description: "Meshes: the config in force, as a summary",
    subjects: ["$KV.MESHES_CONFIG.>"],
    retention: RetentionPolicy.Limits,
    max_msgs_per_subject: 1,
    duplicate_window: nanos(limits.idempotencyWindowMs),
  },
  {
    ...base,
    name: streams.keys,
    description: "Meshes: API keys that were made while it ran, hashed, and when they were used last",
    subjects: [subjects.keys],
    retention: RetentionPolicy.Limits,
    max_msgs_per_subject: 1,
    allow_msg_ttl: true,
    duplicate_window: nanos(limits.idempotencyWindowMs),
  },
  {
    ...base,
    name: streams.sessions,
    description: "Meshes: who is signed in, and one-time links; hashed, until they are over",
    subjects: [subjects.session("*")],
    retention: RetentionPolicy.Limits,
    max_msgs_per_subject: 1,
    allow_msg_ttl: true,
    duplicate_window: nanos(limits.idempotencyWindowMs),
  },
  {
    ...base,
    name: streams.operations,
    description: "Meshes: retries and cancellations of many deliveries, what they are over and what became of them",
    subjects: ["$KV.MESHES_OPERATIONS.>"],
    retention: RetentionPolicy.Limits,
    max_msgs_per_subject: 1,
    max_age: nanos(limits.replaysMaxAgeMs),
    duplicate_window: nanos(limits.idempotencyWindowMs),
  },
  {
    ...base,
    name: streams.usage,
    description: "Meshes: what is reserved of the months' events, and how far they are counted",
    subjects: ["$KV.MESHES_USAGE.>"],
    retention: RetentionPolicy.Limits,
    max_msgs_per_subject: 1,
    max_age: nanos(limits.usageMaxAgeMs),
    duplicate_window: nanos(limits.idempotencyWindowMs),
  },
  {
    ...base,
    name: streams.replays,
    description: "Meshes: replays, what they are over and what became of them",
    subjects: ["$KV.MESHES_REPLAYS.>"],
    retention: RetentionPolicy.Limits,
    max_msgs_per_subject: 1,
    max_age: nanos(limits.replaysMaxAgeMs),
    duplicate_window: nanos(limits.idempotencyWindowMs),
  },
]
