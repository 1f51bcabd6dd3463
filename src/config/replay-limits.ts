/**
 * Limits of replays, of backtests, and of explaining over HTTP; part of `limits`.
 */
export const replayLimits = {
  /** How long what became of a replay is remembered. */
  replaysMaxAgeMs: 30 * 24 * 60 * 60_000,
  /** Deliveries that a replay makes each second when nobody says. */
  replayRate: 100,
  replayRateMax: 10_000,
  /** Replays of one workspace under way at once; its others wait for their turn. */
  replaysRunning: 4,
  /** Those of one workspace that are not over; more are refused. */
  replaysPerWorkspace: 20,
  /** Events read at once. */
  replayPageEvents: 200,
  /** Deliveries in one commit: their records must fit its checkpoint. */
  replayCommit: 200,
  /** How often a replay that finds nothing to send says how far it has come. */
  replayCheckpointMs: 2000,
  /** How often it is tried to stop a replay that goes on meanwhile. */
  replayStopTries: 50,
  /** Deliveries of which a replay remembers what became of them, when it chooses by that. */
  replayKnown: 1_000_000,
  /** Events that a preview over HTTP looks at. */
  previewEvents: 50_000,
  /** Previews at once in one process. */
  previewsRunning: 2,
  /** Requests that a preview shows when nobody says, and at the most. */
  previewRequests: 3,
  previewRequestsMax: 50,
  /** Events that a backtest compares. */
  backtestEvents: 200_000,
  /** Events that one over HTTP compares, and how long it takes, before it is cut off. */
  backtestEventsServed: 50_000,
  backtestServedMs: 2 * 60_000,
  /** Examples that it tells of for each kind of difference, of all actions together. */
  backtestExamplesServed: 500,
  /** Those over HTTP at once in one process; one of them for each workspace. */
  backtestsRunning: 2,
  /** How often one says how far it has come. */
  backtestToldEveryMs: 200,
  /** The body of a request for one: it may hold all rules of a workspace. */
  backtestBodyBytes: 512 * 1024,
  /** Actions that a backtest tells of for each kind of difference, the most frequent first; examples of each when nobody says. */
  backtestActions: 100,
  backtestExamples: 3,
  backtestExamplesMax: 50,
  /** Differences shown of one request, and characters of a value in one. */
  differencesShown: 10,
  differenceCharacters: 200,
  /** How often a command that follows a replay looks at it. */
  replayFollowMs: 1000,
  /** The body of a request that begins one. */
  replayBodyBytes: 64 * 1024,
  /**
   * How long such work goes on before it rests, and for how many times as long. A delivery passes through the process's loop several
   * times, and may meet such a turn at each.
   */
  guestTurnMs: 2,
  guestRest: 2,
  /** An event is explained over HTTP until this much time or, as JSON, so many characters are used: the other rules are left out. */
  explainMs: 5000,
  explainCharacters: 4 * 1024 * 1024,
  /** Those at once in one process; others wait. */
  explainsRunning: 4,
  /** Patterns of event types. */
  replayTypes: 100,
} as const
