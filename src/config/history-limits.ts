/**
 * Limits of the history's projection and of asking it; part of `limits`.
 */
export const historyLimits = {
  /** Messages read ahead of it; one holds up to `historyMessageCharacters`. */
  historyPrefetch: 512,
  /**
   * Messages are gathered for this long or up to so many bytes, and projected together: how far lists may be behind. Many together cost
   * half of what few do, as each page of the file is written once for all of them.
   */
  historyGatherMs: 100,
  historyGatherBytes: 2 * 1024 * 1024,
  /** Where so much came in that time, they are gathered for so much longer: what projecting takes, deliveries lack. */
  historyGatherMuchBytes: 64 * 1024,
  historyGatherLongMs: 800,
  /** How often a process that does not project looks whether it is to. */
  historyClaimMs: 500,
  /** Progress is told of when the projection is more messages behind than this, and how often. */
  historyTold: 1000,
  historyTellEveryMs: 5000,
  /** How long the projection's thread may take to end what it was asked. */
  historyCloseMs: 5000,
  /** Names (types, rules, connections) whose keys are remembered while projecting. */
  historyNamesRemembered: 100_000,
  /** What SQLite keeps of the file in memory, for each who reads or writes it. */
  historyCacheKibibytes: 32 * 1024,
  /** How long it waits for whoever has the file at the moment. */
  historyBusyMs: 5000,
  /** Rows that a page of a list looks at, at the most, where no index knows all that was asked: tens of milliseconds. */
  historyLookedAt: 5000,
  /** Events of one id that are looked at: ids may be used again. */
  historySameId: 100,
  /** What a workspace keeps whose plan does not say; see `auditRetentionDays`. */
  historyRetentionDays: 30,
  /** How often what is too old is looked for. */
  historySweepEveryMs: 10 * 60 * 1000,
  /** Removed together, at the most: rows, and workspaces and statuses looked at. */
  historyBiteRows: 200,
  historyBiteLooks: 2000,
  /** Events whose payloads are looked at for a page of a search, and how many at once. */
  searchEvents: 2000,
  searchReads: 32,
  /** Workspaces that a command asks one after the other when none is named. */
  workspacesAsked: 100,
  /** Records of a page, when nobody says and at the most. */
  pageRecordsDefault: 50,
  pageRecords: 200,
  /** Activity by minutes is kept for this long, by hours as long as the workspace's history. */
  activityMinutesMs: 26 * 3600 * 1000,
  /** A series is of so much time, and of so many steps, at the most. */
  activityRangeMs: 400 * 24 * 3600 * 1000,
  activitySteps: 120,
  /** Rules by connections that are told of. */
  activityParts: 1000,
  /** Buckets looked up for one question, at the most: minutes or hours, times workspaces. */
  activityLooks: 100_000,
  /** Deliveries that were given up and groups of them that are counted, at the most. */
  deadCounted: 500_000,
  deadGroups: 200,
  /** What needs somebody's attention that is told of at once. */
  attentionShown: 50,
  /** For so long it is not looked again which limits are near. */
  attentionUsageMs: 2000,
  /** Characters of a value in an address' query. */
  queryValueCharacters: 1000,
  /** How far behind the history may be before a command says so. */
  historyLateMs: 10_000,
  /** Attempts of a delivery that are read from the log at once. */
  attemptsRead: 16,
  /** How far back a text is looked for at the most, and when nobody says. */
  payloadWindowMs: 7 * 24 * 3600 * 1000,
  payloadWindowDefaultMs: 24 * 3600 * 1000,
} as const
