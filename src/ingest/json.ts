/**
 * JSON from bytes that a stranger sent, and where exactly it is broken if it is.
 */
import { isUtf8 } from "node:buffer"
import * as Result from "effect/Result"

/** The value, or what is wrong in one line. */
export const parseJson = (bytes: Buffer): Result.Result<unknown, string> => {
  const text = decodeText(bytes)
  return Result.isSuccess(text) ? parseText(text.success) : text
}

export const decodeText = (bytes: Buffer): Result.Result<string, string> =>
  isUtf8(bytes)
    ? Result.succeed(bytes.toString())
    : Result.fail(`the body is not UTF-8: byte ${badByte(bytes)} is wrong`)

/** The value, or what is wrong in one line. @param line the number of the text's first line */
export const parseText = (text: string, line = 1): Result.Result<unknown, string> => {
  try {
    return Result.succeed(JSON.parse(text))
  } catch {
    return Result.fail(describe(text, line))
  }
}

const describe = (text: string, firstLine: number): string => {
  const at = errorAt(text)
  const before = text.slice(0, at)
  const line = firstLine + before.split("\n").length - 1
  const column = at - before.lastIndexOf("\n")
  const found = at >= text.length ? "it ends too early" : `${JSON.stringify(text[at])} cannot stand there`
  return `malformed JSON at line ${line}, column ${column} (position ${at}): ${found}`
}

const quote = 0x22
const backslash = 0x5c
/** Characters below it must be escaped in a string. */
const firstPlain = 0x20
const space = /[ \t\n\r]*/y
const escape = /\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/y
const scalar = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?(?![\w.])|true\b|false\b|null\b/y

/**
 * Where the first token stands that JSON does not allow: the parser of the language does not always say. Walks the text once,
 * with the open brackets on a stack of its own, so that no nesting is too deep for it.
 */
const errorAt = (text: string): number => {
  let at = 0
  const take = (pattern: RegExp): boolean => {
    pattern.lastIndex = at
    const matched = pattern.test(text)
    if (matched) at = pattern.lastIndex
    return matched
  }
  /** A whole string; `at` is left where it breaks. */
  const takeString = (): boolean => {
    for (at++; at < text.length;) {
      const code = text.charCodeAt(at)
      if (code === quote) {
        at++
        return true
      }
      if (code === backslash ? !take(escape) : code < firstPlain) return false
      if (code !== backslash) at++
    }
    return false
  }
  const open: Array<"{" | "["> = []
  /** What may come: a value, a key, or what follows a value; `first`: a bracket may also close again. */
  let expected: "value" | "key" | "after" = "value"
  let first = false
  for (;;) {
    take(space)
    const character = text[at]
    const inside = open.at(-1)
    if ((first || expected === "after") && inside !== undefined && character === (inside === "{" ? "}" : "]")) {
      open.pop()
      at++
      expected = "after"
      first = false
    } else if (expected === "after") {
      if (inside === undefined || character !== ",") return at
      at++
      expected = inside === "{" ? "key" : "value"
    } else if (expected === "key") {
      if (character !== '"' || !takeString()) return at
      take(space)
      if (text[at] !== ":") return at
      at++
      expected = "value"
      first = false
    } else if (character === "{" || character === "[") {
      open.push(character)
      at++
      expected = character === "{" ? "key" : "value"
      first = true
    } else if (character === '"' ? takeString() : take(scalar)) {
      expected = "after"
      first = false
    } else return at
  }
}

/** The first byte that makes the text no UTF-8, from 0. Cuts in halves: a cut inside a character is moved to its start. */
const badByte = (bytes: Buffer): number => {
  let good = 0
  let bad = bytes.length
  while (bad - good > 1) {
    const middle = (good + bad) >> 1
    let cut = middle
    while (cut > good && middle - cut < 3 && (bytes[cut]! & 0xc0) === 0x80) cut--
    if (cut === good) break
    if (isUtf8(bytes.subarray(good, cut))) good = cut
    else bad = cut
  }
  while (good < bad && bytes[good]! < 0x80) good++
  return good
}
