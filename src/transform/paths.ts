/**
 * Which fields of the event an expression reads, as far as its text says so. Only what is certain: a name inside a predicate, a function
 * or a structure made per item is about something else than the event, and is left out.
 */
import type jsonata from "jsonata"
import type { ReadPath } from "../config/plan.ts"

/** What JSONata's syntax tree really holds; its own types know less. */
interface Node extends Omit<jsonata.ExprNode, "lhs" | "type"> {
  readonly type: string
  readonly lhs?: Node | ReadonlyArray<readonly [Node, Node]>
  readonly condition?: Node
  readonly then?: Node
  readonly else?: Node
  readonly expression?: Node
  readonly focus?: string
  readonly index?: string
}

export const pathsOf = (ast: jsonata.ExprNode, source: string): ReadonlyArray<ReadPath> => {
  const found: Array<ReadPath> = []
  visit(ast as unknown as Node, found)
  return found.map(({ path, position }) => ({ path, position: Math.min(position, source.length) }))
}

const visit = (node: Node | undefined, found: Array<ReadPath>): void => {
  if (node === undefined) return
  const list = (nodes: ReadonlyArray<unknown> | undefined) => nodes?.forEach((one) => visit(one as Node, found))
  switch (node.type) {
    case "path":
      return visitPath(node, found)
    case "binary":
      visit(node.lhs as Node, found)
      return visit(node.rhs as Node | undefined, found)
    case "condition":
      visit(node.condition, found)
      visit(node.then, found)
      return visit(node.else, found)
    case "block":
      return list(node.expressions)
    case "bind":
      return visit(node.rhs as Node | undefined, found)
    case "apply":
      return visit(node.lhs as Node, found)
    case "function":
      return list(node.arguments)
    case "unary":
      if (node.value === "{") for (const pair of (node.lhs as ReadonlyArray<readonly [Node, Node]>) ?? []) list(pair)
      else if (node.value === "[") list(node.expressions)
      return visit(node.expression, found)
    default:
  }
}

const visitPath = (node: Node, found: Array<ReadPath>): void => {
  const steps = (node.steps ?? []) as unknown as ReadonlyArray<Node>
  const [first] = steps
  // `$` and `$$` stand for the event here; any other variable for something of its own.
  const rooted = first?.type === "variable" && (first.value === "" || first.value === "$")
  const path: Array<string> = []
  let position = 0
  for (const step of rooted ? steps.slice(1) : steps) {
    if (step.type !== "name") break
    path.push(String(step.value))
    // The tree places a name at its end.
    position = Math.max(0, (step.position ?? 0) - String(step.value).length)
    if (step.focus !== undefined || step.index !== undefined) break
  }
  if (path.length > 0) found.push({ path, position })
  // Arguments of a function that begins a path are about the event; those of later steps are about each item.
  if (first !== undefined && first.type !== "name" && first.type !== "variable") visit(first, found)
}
