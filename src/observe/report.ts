/**
 * What `/readyz` and `/metrics` say. One process speaks for itself; one of several workers speaks for all of them: it is given a way to
 * (`Reporting`), and the sums are made here.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as PrometheusMetrics from "effect/observability/PrometheusMetrics"
import { CurrentPlan } from "../config/current-plan.ts"
import { Health } from "./health.ts"

export interface LoopReport {
  readonly name: string
  readonly alive: boolean
  /** Since it last moved; `null`: it has not begun. */
  readonly silent_ms: number | null
  readonly failure?: string
}

export interface ConfigReport {
  /** The revisions in force: of several workers one, but for the moment of a reload. */
  readonly revisions: ReadonlyArray<string>
  /** Whether the newest config is wrong, and so another than the one in force. */
  readonly refused: boolean
}

export interface Readiness {
  readonly ready: boolean
  readonly loops: ReadonlyArray<LoopReport>
  readonly config?: ConfigReport
}

/** What several processes say, as one. */
export const configOfAll = (reports: ReadonlyArray<ConfigReport | undefined>): ConfigReport => ({
  revisions: [...new Set(reports.flatMap((report) => report?.revisions ?? []))],
  refused: reports.some((report) => report?.refused === true),
})

export interface Report {
  readonly readiness: Effect.Effect<Readiness>
  /** In the text format of Prometheus; `undefined` when those who know did not answer. */
  readonly metrics: Effect.Effect<string | undefined>
}

/** Makes of what this process says of itself what it answers; by default the same. */
export const Reporting = Context.Reference<(own: Report) => Report>("meshes/Reporting", {
  defaultValue: () => (own) => own,
})

/** This process alone. */
export const ownReport = (context: Context.Context<Health | CurrentPlan>): Report => ({
  readiness: Effect.sync(() => {
    const health = Context.get(context, Health)
    const loops = health.loops().map(({ name, alive, silentMs, failure }) => ({
      name,
      alive,
      silent_ms: Number.isFinite(silentMs) ? Math.round(silentMs) : null,
      ...(failure === undefined ? {} : { failure }),
    }))
    const current = Context.get(context, CurrentPlan)
    const config = { revisions: [current.get().revision], refused: current.refused?.() === true }
    return { ready: health.ready(), loops, config }
  }),
  metrics: Effect.sync(() => PrometheusMetrics.formatUnsafe(context, { prefix: "meshes" })),
})

interface Family {
  /** Its `HELP` and `TYPE`. */
  readonly head: Set<string>
  /** Values by name and labels as they are printed. */
  readonly samples: Map<string, number>
}

/**
 * Adds up the metrics of several processes, series by series, into one text: counters, histograms and gauges (summaries have no sum, and
 * there are none).
 *
 * @param gauges whether gauges are of interest too: those of a process that ended are not
 */
export const sumMetrics = (texts: ReadonlyArray<string>, gauges = true): string => {
  const families = new Map<string, Family>()
  for (const text of texts) {
    let family: Family | undefined
    for (const line of text.split("\n")) {
      const head = /^# (?:HELP|TYPE) (\S+)/.exec(line)
      if (head !== null) {
        family = families.get(head[1]!) ?? { head: new Set(), samples: new Map() }
        families.set(head[1]!, family)
        family.head.add(line)
        continue
      }
      // A label's value may hold spaces; a value never does, and we print no times after it.
      const end = line.lastIndexOf(" ")
      if (end < 0 || family === undefined) continue
      const series = line.slice(0, end)
      family.samples.set(series, (family.samples.get(series) ?? 0) + Number(line.slice(end + 1)))
    }
  }
  const lines = [...families].flatMap(([name, { head, samples }]) =>
    !gauges && head.has(`# TYPE ${name} gauge`)
      ? []
      : [...head, ...[...samples].map(([series, value]) => `${series} ${value}`)],
  )
  return lines.length === 0 ? "" : `${lines.join("\n")}\n`
}
