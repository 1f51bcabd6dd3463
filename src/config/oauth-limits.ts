/**
 * Limits of OAuth: tokens and authorizations; part of `limits`.
 */
const kibibyte = 1024
const second = 1000
const minute = 60 * second

export const oauthLimits = {
  /** A token is replaced so long before it expires, or a tenth of its life before, whichever is less. */
  tokenMarginMs: 60 * second,
  /** One request to a vendor's token address. */
  tokenRequestMs: 10 * second,
  /** Who refreshes a token keeps others out for this long at the most; when it is gone, another may. */
  tokenLockMs: 20 * second,
  /** Nothing is asked of the vendor when the lock was taken longer ago than this: the answer could come after its end. */
  tokenLockUsedMs: 5 * second,
  /** How long a delivery waits for a token that another replica is fetching, before it is tried again later. */
  tokenWaitMs: 30 * second,
  /** How often it is looked whether the token is there or the lock is free, should no word come. */
  tokenLookMs: 500,
  /** After a token address failed, it is left alone for so long; or as it asks, up to a minute. */
  tokenRetryMs: 5 * second,
  tokenRetryMaxMs: 1 * minute,
  /** Longer tokens are refused. */
  tokenCharacters: 16 * kibibyte,
  /** A field of the token's answer that is kept. */
  tokenFieldCharacters: 2000,
  /** What is shown of a vendor's error. */
  vendorWordsCharacters: 200,
  /** What the button of a link's page sends. */
  linkBodyBytes: 4 * kibibyte,
  /** From beginning an authorization to its end. */
  authorizationMs: 10 * minute,
} as const
