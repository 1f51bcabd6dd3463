/**
 * Counts over time as a picture: bars upon each other, and a line over them. What each step holds is read by pointing at it or with the
 * arrow keys, and all of it as a table.
 */
import { scaleLinear, scaleTime } from "d3-scale"
import { line } from "d3-shape"
import { useEffect, useId, useRef, useState, type KeyboardEvent } from "react"
import { count } from "./meter.tsx"
import { Table } from "./table.tsx"
import { inUtc } from "./time.tsx"
import "./chart.css"

export interface Series {
  readonly label: string
  /** Its colour, and how it is drawn where colours are not seen. */
  readonly look: "events" | "delivered" | "retried" | "dead"
  readonly shape: "bar" | "line"
  /** One for each step. */
  readonly values: ReadonlyArray<number>
}

const height = 190
const room = { top: 10, right: 6, bottom: 24, left: 44 }

const compact = new Intl.NumberFormat(undefined, { notation: "compact", maximumFractionDigits: 1 })
const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" })
const dayOnly = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" })
const dayAndClock = new Intl.DateTimeFormat(undefined, {
  day: "numeric",
  month: "short",
  hour: "2-digit",
  minute: "2-digit",
})

const atMidnight = (date: Date): boolean => date.getHours() === 0 && date.getMinutes() === 0
const sum = (values: ReadonlyArray<number>): number => values.reduce((before, one) => before + one, 0)

/** How wide an element is, in pixels. */
const useWidth = () => {
  const element = useRef<HTMLDivElement>(null)
  const [width, setWidth] = useState(0)
  useEffect(() => {
    const watch = new ResizeObserver(([entry]) => setWidth(Math.floor(entry!.contentRect.width)))
    watch.observe(element.current!)
    return () => watch.disconnect()
  }, [])
  return { element, width }
}

interface Charted {
  readonly title: string
  readonly times: ReadonlyArray<number>
  readonly stepMs: number
  readonly series: ReadonlyArray<Series>
}

/** @param times when each step begins, in milliseconds */
export const Chart = ({ title, times, stepMs, series }: Charted) => {
  const id = useId()
  const { element, width } = useWidth()
  // By its time: steps move on while one looks at them.
  const [pointed, setPointed] = useState<number>()
  const found = pointed === undefined ? -1 : times.indexOf(pointed)
  const index = found < 0 ? undefined : found
  const last = times.length - 1
  const period = (i: number) =>
    `${dayAndClock.format(times[i])} to ${clock.format(times[i]! + stepMs)} (${new Date(times[i]!).toISOString().slice(11, 16)} UTC)`

  const onKeyDown = (event: KeyboardEvent) => {
    const from = index ?? last + 1
    const to = { ArrowLeft: from - 1, ArrowRight: from + 1, Home: 0, End: last }[event.key]
    if (event.key === "Escape") setPointed(undefined)
    if (to === undefined) return
    event.preventDefault()
    setPointed(times[Math.max(0, Math.min(last, to))])
  }
  return (
    <figure className="chart" aria-labelledby={id}>
      <figcaption className="chart-head">
        <h3 id={id}>{title}</h3>
        <span className="dim">{index === undefined ? "in all" : period(index)}</span>
      </figcaption>
      <ul className="chart-legend">
        {series.map(({ label, look, shape, values }) => (
          <li key={label}>
            <svg className="chart-swatch" viewBox="0 0 14 10" aria-hidden="true">
              {shape === "line" ? (
                <path d="M0 5h14" className="chart-line" data-look={look} />
              ) : (
                <rect width="14" height="10" rx="2" className="chart-bar" data-look={look} />
              )}
            </svg>
            {label} <strong className="number">{count(index === undefined ? sum(values) : values[index]!)}</strong>
          </li>
        ))}
      </ul>
      <div
        ref={element}
        className="chart-box"
        role="slider"
        tabIndex={0}
        aria-label={`${title}: a step of the time`}
        aria-valuemin={0}
        aria-valuemax={Math.max(0, last)}
        aria-valuenow={index ?? Math.max(0, last)}
        aria-valuetext={
          last < 0
            ? "none"
            : `${period(index ?? last)}: ${series.map(({ label, values }) => `${values[index ?? last]!} ${label}`).join(", ")}`
        }
        onKeyDown={onKeyDown}
        onBlur={() => setPointed(undefined)}
        onPointerLeave={() => setPointed(undefined)}
        onPointerMove={(event) => {
          const x = event.clientX - event.currentTarget.getBoundingClientRect().left - room.left
          const step = Math.floor((x / (width - room.left - room.right)) * times.length)
          setPointed(times[Math.max(0, Math.min(last, step))])
        }}
      >
        {width > 0 && last >= 0 && <Picture {...{ width, times, stepMs, series, index }} />}
      </div>
      <AsTable {...{ title, times, stepMs, series }} />
    </figure>
  )
}

const Picture = ({
  width,
  times,
  stepMs,
  series,
  index,
}: {
  readonly width: number
  readonly times: ReadonlyArray<number>
  readonly stepMs: number
  readonly series: ReadonlyArray<Series>
  readonly index: number | undefined
}) => {
  const bars = series.filter(({ shape }) => shape === "bar")
  const lines = series.filter(({ shape }) => shape === "line")
  const most = Math.max(
    ...times.map((_, i) => sum(bars.map(({ values }) => values[i]!))),
    ...lines.flatMap(({ values }) => values),
  )
  const y = scaleLinear([0, Math.max(4, most)], [height - room.bottom, room.top]).nice(4)
  const x = scaleTime([times[0]!, times.at(-1)! + stepMs], [room.left, width - room.right])
  const step = (width - room.left - room.right) / times.length
  const gap = step > 6 ? 1.5 : step > 3 ? 0.8 : 0
  /** How much lies below a bar. */
  const below = (which: number, i: number) => sum(bars.slice(0, which).map(({ values }) => values[i]!))
  // What the step that goes on now will be is not known yet: a line would fall there.
  const whole = times.filter((at) => at + stepMs <= Date.now())
  return (
    <svg width={width} height={height} aria-hidden="true">
      {y
        .ticks(4)
        .filter(Number.isInteger)
        .map((value) => (
          <g key={value}>
            <path d={`M${room.left} ${Math.round(y(value)) + 0.5}H${width - room.right}`} className="chart-rule" />
            <text x={room.left - 6} y={y(value)} dy="0.32em" textAnchor="end">
              {compact.format(value)}
            </text>
          </g>
        ))}
      {x
        .ticks(Math.max(2, Math.floor(width / 90)))
        .filter((date) => x(date) < width - 22 && x(date) > room.left + 8)
        .map((date) => (
          <text key={+date} x={x(date)} y={height - 6} textAnchor="middle">
            {(atMidnight(date) ? dayOnly : clock).format(date)}
          </text>
        ))}
      {index !== undefined && (
        <rect
          x={x(times[index]!)}
          y={room.top}
          width={Math.max(1, step)}
          height={height - room.bottom - room.top}
          className="chart-pointed"
        />
      )}
      {bars.map(({ label, look, values }, which) => (
        <g key={label}>
          {values.map((value, i) => {
            if (value === 0) return null
            const bottom = y(below(which, i))
            const top = y(below(which, i) + value)
            return (
              <rect
                key={times[i]}
                x={x(times[i]!) + gap / 2}
                width={Math.max(1, step - gap)}
                y={top}
                height={Math.max(1, bottom - top)}
                className="chart-bar"
                data-look={look}
              />
            )
          })}
        </g>
      ))}
      {lines.map(({ label, look, values }) => (
        <path
          key={label}
          className="chart-line"
          data-look={look}
          d={
            line<number>(
              (at) => x(at) + step / 2,
              (_, i) => y(values[i]!),
            )(whole) ?? undefined
          }
        />
      ))}
      {most === 0 && (
        <text x={room.left + (width - room.left - room.right) / 2} y={height / 2} textAnchor="middle">
          Nothing in this time
        </text>
      )}
    </svg>
  )
}

const AsTable = ({ title, times, stepMs, series }: Charted) => {
  const [open, setOpen] = useState(false)
  return (
    <details className="chart-table" onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>As a table</summary>
      {open && (
        // It scrolls, so the keyboard must reach it.
        <div tabIndex={0} role="region" aria-label={`${title}, as a table`}>
          <Table
            label={title}
            columns={[
              { label: "From", show: (i) => <span title={inUtc(times[i]!)}>{dayAndClock.format(times[i])}</span> },
              {
                label: "To",
                show: (i) => <span title={inUtc(times[i]! + stepMs)}>{clock.format(times[i]! + stepMs)}</span>,
              },
              ...series.map(({ label, values }) => ({
                label,
                number: true,
                show: (i: number) => count(values[i]!),
              })),
            ]}
            records={times.map((_, i) => i).toReversed()}
            keyOf={(i) => String(times[i])}
          />
        </div>
      )}
    </details>
  )
}
