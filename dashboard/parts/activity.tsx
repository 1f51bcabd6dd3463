/**
 * How much happened, as charts: of all that one may see, of a workspace, or of what goes over a connection. How far back is in the address.
 */
import { Toggle } from "@base-ui/react/toggle"
import { ToggleGroup } from "@base-ui/react/toggle-group"
import { useEffect, useState } from "react"
import type { CallInput, CallOutput } from "../api/contract.ts"
import { calm, live, useCall } from "../api/use.ts"
import { Chart } from "./chart.tsx"
import { useFilters } from "./filters.tsx"
import { Card } from "./page.tsx"
import { Answered } from "./states.tsx"
import { Time } from "./time.tsx"

const minute = 60_000
const hour = 60 * minute

/** What is asked for begins at whole steps, so that it is the same question for a while. */
const ranges = {
  "1h": { label: "1 h", ms: hour, stepMs: minute, every: live },
  "6h": { label: "6 h", ms: 6 * hour, stepMs: 5 * minute, every: live },
  "24h": { label: "24 h", ms: 24 * hour, stepMs: 15 * minute, every: calm },
  "7d": { label: "7 d", ms: 7 * 24 * hour, stepMs: 2 * hour, every: calm },
} as const
type Range = keyof typeof ranges

const isRange = (value: string | undefined): value is Range => value !== undefined && Object.hasOwn(ranges, value)

const useRange = (): { readonly range: Range; readonly set: (range: Range) => void } => {
  const filters = useFilters(["range"])
  const { range } = filters.values
  return { range: isRange(range) ? range : "6h", set: (chosen) => filters.set("range", chosen) }
}

/** So long ago, but at the beginning of a step: it moves on with the time, a step after the other. */
export const useSteps = (agoMs: number, stepMs: number): number => {
  const [now, setNow] = useState(Date.now)
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), minute / 2)
    return () => clearInterval(timer)
  }, [])
  return Math.floor((now - agoMs) / stepMs) * stepMs
}

const name = "GET /api/v1/activity"
type Of = Pick<NonNullable<CallInput<typeof name>["query"]>, "workspace" | "connection" | "rule">

/** What happened within the time that the address asks for. */
export const useActivity = (of: Of) => {
  const { ms, stepMs, every } = ranges[useRange().range]
  const from = new Date(useSteps(ms, stepMs)).toISOString()
  return useCall(name, { query: { ...of, from } }, { every })
}

export const ActivityCard = ({ activity }: { readonly activity: ReturnType<typeof useActivity> }) => {
  const { range, set } = useRange()
  return (
    <Card
      title="Activity"
      acts={
        <ToggleGroup
          className="segments"
          aria-label="How far back"
          value={[range]}
          onValueChange={([chosen]) => isRange(chosen) && set(chosen)}
        >
          {Object.entries(ranges).map(([value, { label }]) => (
            <Toggle key={value} value={value} className="segment">
              {label}
            </Toggle>
          ))}
        </ToggleGroup>
      }
    >
      <Answered answer={activity}>{(data) => <Charts {...data} />}</Answered>
    </Card>
  )
}

/** How far behind the history may be before it is told, in milliseconds. */
const behindMs = minute

const Charts = ({ buckets, step_seconds, as_of }: CallOutput<typeof name>) => {
  const stepMs = step_seconds * 1_000
  const times = buckets.map(({ at }) => Date.parse(at))
  const whole = buckets.some(({ events }) => events !== undefined)
  return (
    <>
      <div className="charts">
        <Chart
          title={whole ? "Events and deliveries" : "Deliveries"}
          times={times}
          stepMs={stepMs}
          series={[
            { label: "delivered", look: "delivered", shape: "bar", values: buckets.map((one) => one.delivered) },
            ...(whole
              ? [
                  {
                    label: "events",
                    look: "events",
                    shape: "line",
                    values: buckets.map(({ events = 0 }) => events),
                  } as const,
                ]
              : []),
          ]}
        />
        <Chart
          title="Failures"
          times={times}
          stepMs={stepMs}
          series={[
            { label: "dead", look: "dead", shape: "bar", values: buckets.map((one) => one.dead) },
            { label: "failed, tried again", look: "retried", shape: "bar", values: buckets.map((one) => one.retried) },
          ]}
        />
      </div>
      {as_of !== null && Date.parse(as_of) < Date.now() - behindMs && (
        <p className="dim">
          The history is behind: what happened until <Time at={as_of} /> is counted so far.
        </p>
      )}
    </>
  )
}
