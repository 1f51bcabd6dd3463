/**
 * The form of ids that sort by time: 48 bits of milliseconds, then 80 others, in Crockford's base 32. Imports nothing, so that it is the
 * same in browsers.
 */

export const alphabet = "0123456789abcdefghjkmnpqrstvwxyz"

/** Milliseconds since 1970 as 10 characters. */
export const timePart = (ms: number): string => {
  let out = ""
  let rest = ms
  for (let i = 0; i < 10; i++) {
    out = alphabet[rest % 32]! + out
    rest = Math.floor(rest / 32)
  }
  return out
}

/** 10 bytes as 16 characters, 5 bits each. */
export const randomPart = (bytes: Uint8Array): string => {
  let out = ""
  let bits = 0
  let value = 0
  for (let i = 0; i < 10; i++) {
    value = ((value << 8) | bytes[i]!) & 0xfff
    bits += 8
    while (bits >= 5) {
      bits -= 5
      out += alphabet[(value >> bits) & 31]!
    }
  }
  return out
}
