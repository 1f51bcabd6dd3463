/**
 * The compiler that a config is loaded with.
 */
import type { Compiler } from "../config/plan.ts"
import { compileExpression } from "./expression.ts"
import { compileMapping } from "./mapping.ts"

export const compiler: Compiler = { expression: compileExpression, mapping: compileMapping }
