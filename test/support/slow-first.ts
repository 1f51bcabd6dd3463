/**
 * The order of test files: those that run whole processes and wait for them come first, so that none of them is left to the end alone.
 */
import { BaseSequencer, type TestSpecification } from "vitest/node"

/** The earlier, the longer they take. */
const slow = ["/test/fault/kill", "/test/fault/", "/test/flow/"]

const rank = ({ moduleId }: TestSpecification): number => {
  const found = slow.findIndex((part) => moduleId.includes(part))
  return found === -1 ? slow.length : found
}

export class SlowFirst extends BaseSequencer {
  override async sort(files: Array<TestSpecification>): Promise<Array<TestSpecification>> {
    return files.toSorted((a, b) => rank(a) - rank(b))
  }
}
