/**
 * Metrics of several processes in one text.
 */
import { expect, test } from "vitest"
import { sumMetrics } from "../../../src/observe/report.ts"

const one = `# HELP seen_total what was seen
# TYPE seen_total counter
seen_total{what="a b"} 3
seen_total{what="}"} 1
# TYPE under_way gauge
under_way 2
# TYPE took histogram
took_bucket{le="0.5"} 1
took_bucket{le="+Inf"} 2
took_sum 0.75
took_count 2
`
const other = `# HELP seen_total what was seen
# TYPE seen_total counter
seen_total{what="a b"} 4
seen_total{what="c"} 1
# TYPE took histogram
took_bucket{le="0.5"} 0
took_bucket{le="+Inf"} 1
took_sum 1.5
took_count 1
# TYPE only_here counter
only_here 1
`

test("each series is the sum of what the processes say of it, and each family is told once", () => {
  expect(sumMetrics([one, other])).toBe(`# HELP seen_total what was seen
# TYPE seen_total counter
seen_total{what="a b"} 7
seen_total{what="}"} 1
seen_total{what="c"} 1
# TYPE under_way gauge
under_way 2
# TYPE took histogram
took_bucket{le="0.5"} 1
took_bucket{le="+Inf"} 3
took_sum 2.25
took_count 3
# TYPE only_here counter
only_here 1
`)
})

test("of a process that ended, what it counted stays, and what it was doing does not", () => {
  const past = sumMetrics(["", one], false)
  expect(past).toContain('seen_total{what="a b"} 3')
  expect(past).toContain("took_count 2")
  expect(past).not.toContain("under_way")
})

test("nothing and nothing is nothing", () => {
  expect(sumMetrics(["", ""])).toBe("")
})
