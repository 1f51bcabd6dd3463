/**
 * A regular expression that takes time linear in its text (RE2's algorithm), in the few ways that JSONata uses one. What RE2 does not
 * have (look-around, back-references) is refused when the expression is first used.
 */
import { RE2JS } from "re2js"

class Linear {
  readonly global: boolean
  lastIndex = 0
  readonly #pattern: RE2JS

  constructor(pattern: RegExp | string, flags?: string) {
    const source = typeof pattern === "string" ? pattern : pattern.source
    const wanted = flags ?? (typeof pattern === "string" ? "" : pattern.flags)
    this.global = wanted.includes("g")
    let bits = 0
    if (wanted.includes("i")) bits |= RE2JS.CASE_INSENSITIVE
    if (wanted.includes("m")) bits |= RE2JS.MULTILINE
    this.#pattern = RE2JS.compile(source, bits)
  }

  exec(text: string): RegExpExecArray | null {
    const matcher = this.#pattern.matcher(text)
    const from = this.global ? this.lastIndex : 0
    if (from > text.length || !matcher.find(from)) {
      this.lastIndex = 0
      return null
    }
    if (this.global) this.lastIndex = matcher.end()
    const groups = Array.from({ length: matcher.groupCount() + 1 }, (_, i) => matcher.group(i) ?? undefined)
    return Object.assign(groups, { index: matcher.start(), input: text }) as unknown as RegExpExecArray
  }

  test(text: string): boolean {
    return this.exec(text) !== null
  }
}

export const LinearRegExp = Linear as unknown as RegExpConstructor
