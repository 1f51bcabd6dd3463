/**
 * Limits of taking up a changed config, and of comparing configs; part of `limits`.
 */
const kibibyte = 1024
const second = 1000

export const reloadLimits = {
  /** How long a config may take to be imported. */
  configLoadMs: 30 * second,
  /** How long a load of the config keeps all else in the process waiting. */
  turnMs: 10,
  /** How often a runtime that watches its config looks at its files. */
  configLookMs: 500,
  /** One message of what the log knows of the config, before it is compressed; a workspace more, at the most. */
  configPartCharacters: 512 * kibibyte,
  /** Configs that came and went while the log could not be told; of more, the first are not told of. */
  configsUntold: 100,
  /** How often a summary is read again that is being replaced meanwhile. */
  configTries: 5,
  /** Changes of a config shown to people. */
  changesShown: 200,
  /** How long a worker may take to read a changed config, before it is left as it is. */
  workerReloadMs: 60 * second,
} as const
