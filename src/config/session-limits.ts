/**
 * Limits of sessions: who is let in without a key, and for how long; part of `limits`.
 */
const kibibyte = 1024
const second = 1000
const minute = 60 * second
const hour = 60 * minute

export const sessionLimits = {
  /** From signing in, or being minted, to the end, whatever is done meanwhile. */
  sessionMs: 12 * hour,
  /** A token of an embedded page; the page asks for another before. */
  sessionTokenMs: 15 * minute,
  /** From minting a session to the page's beginning it. */
  launchMs: 60 * second,
  /** From making a member's link to its use. */
  memberLinkMs: 15 * minute,
  /** Tokens of one session that are remembered: the one in use, those that overlap with it, some that are over. */
  sessionTokens: 8,
  /** Sessions that are not over: all of them; those minted for one workspace; those of one key or member. */
  sessions: 100_000,
  sessionsPerWorkspace: 5000,
  sessionsPerHolder: 1000,
  /** Origins that may frame one session. */
  sessionOrigins: 20,
  /** Characters of what says who a session is for. */
  sessionUserCharacters: 128,
  /** A request that signs in, or mints or launches a session. */
  sessionBodyBytes: 16 * kibibyte,
  /** Questions to the log at once about sessions that this replica has not heard of; more are answered 503. */
  sessionsAsked: 64,
  /** How often a session that others change too is decided anew before that is an error. */
  sessionTries: 20,
  /** How long the log remembers that a session was ended: longer than a watch can be interrupted and go on. */
  sessionEndedMs: 1 * hour,
  /** How often sessions that are over are forgotten. */
  sessionsForgottenEveryMs: 60 * second,
} as const
