/**
 * Patterns of event types: `*` stands for one token, `>` at the end for all that follow. What rules want, and what keys may publish.
 */
import { isOwnType } from "./connection-state.ts"
import { eventTypeLengthMax, type EventType } from "./ids.ts"

const tokenPattern = /^[A-Za-z0-9_-]+$/

/** Whether it is a type or a pattern of types. */
export const isTypePattern = (text: string): boolean =>
  text.length <= eventTypeLengthMax &&
  text
    .split(".")
    .every(
      (token, i, tokens) => token === "*" || (token === ">" && i === tokens.length - 1) || tokenPattern.test(token),
    )

/** `*` stands for one token, `>` at the end for one or more. The runtime's own types are meant only where `meshes` is named. */
export const matchesType = (pattern: string, type: EventType): boolean => {
  if (isOwnType(type) && !isOwnType(pattern)) return false
  if (pattern === type || pattern === ">") return true
  if (!pattern.includes("*") && !pattern.endsWith(">")) return false
  const wanted = pattern.split(".")
  const tokens = type.split(".")
  for (let i = 0; i < wanted.length; i++) {
    if (wanted[i] === ">") return tokens.length > i
    if (i >= tokens.length || (wanted[i] !== "*" && wanted[i] !== tokens[i])) return false
  }
  return wanted.length === tokens.length
}
