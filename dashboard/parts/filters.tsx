/**
 * Filters of a list, kept in the page's address so that what is seen can be shared by it.
 */
import { useEffect, useId, useState, type ReactNode } from "react"
import { useSearchParams } from "wouter"

export interface Filters {
  /** What is asked for; what is not is absent. */
  readonly values: { readonly [name: string]: string }
  readonly set: (name: string, value: string) => void
  readonly clear: () => void
}

/** @param names of the address's parameters that are filters here */
export const useFilters = (names: ReadonlyArray<string>): Filters => {
  const [params, setParams] = useSearchParams()
  const values = Object.fromEntries(
    names.flatMap((name) => {
      const value = params.get(name)
      return value === null || value === "" ? [] : [[name, value]]
    }),
  )
  return {
    values,
    set: (name, value) =>
      setParams(
        (before) => {
          const after = new URLSearchParams(before)
          if (value === "") after.delete(name)
          else after.set(name, value)
          return after
        },
        { replace: true },
      ),
    clear: () => setParams(new URLSearchParams(), { replace: true }),
  }
}

export const FilterBar = ({ label, children }: { readonly label: string; readonly children: ReactNode }) => (
  <search className="filters" aria-label={label}>
    {children}
  </search>
)

interface One {
  readonly filters: Filters
  readonly name: string
  readonly label: string
}

/** How long after the last key a text is looked for, in milliseconds. */
const typingMs = 350

/**
 * @param known what may be meant; anything else may be too
 * @param onEnter asked for by the Enter key alone: what costs much, or is told in the audit
 */
export const TextFilter = ({
  filters,
  name,
  label,
  placeholder,
  known,
  onEnter = false,
}: One & {
  readonly placeholder?: string
  readonly known?: ReadonlyArray<string> | undefined
  readonly onEnter?: boolean
}) => {
  const id = useId()
  const list = useId()
  const asked = filters.values[name] ?? ""
  const [text, setText] = useState(asked)
  const [shown, setShown] = useState(asked)
  // The address was changed by something else than this field.
  if (shown !== asked) {
    setShown(asked)
    setText(asked)
  }
  useEffect(() => {
    if (text.trim() === asked || (onEnter && text !== "")) return undefined
    const timer = setTimeout(() => filters.set(name, text.trim()), typingMs)
    return () => clearTimeout(timer)
  })
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      <input
        id={id}
        className="input"
        type="search"
        value={text}
        placeholder={placeholder}
        list={known === undefined ? undefined : list}
        onChange={(event) => setText(event.target.value)}
        // Whoever goes on to a button means what they have written.
        onBlur={() => {
          if (text.trim() !== asked && !onEnter) filters.set(name, text.trim())
        }}
        onKeyDown={(event) => {
          if (event.key === "Enter") filters.set(name, text.trim())
        }}
      />
      {known !== undefined && (
        <datalist id={list}>
          {known.map((one) => (
            <option key={one}>{one}</option>
          ))}
        </datalist>
      )}
    </div>
  )
}

type Choice = string | readonly [value: string, label: string]

export const ChoiceFilter = ({
  filters,
  name,
  label,
  all = "All",
  choices,
}: One & { readonly all?: string; readonly choices: ReadonlyArray<Choice> }) => {
  const id = useId()
  const value = filters.values[name] ?? ""
  const pairs = choices.map((choice) => (typeof choice === "string" ? ([choice, choice] as const) : choice))
  // What the address asks for is shown even if it is none of the choices.
  const unknown = value !== "" && !pairs.some(([one]) => one === value)
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      <select id={id} className="select" value={value} onChange={(event) => filters.set(name, event.target.value)}>
        <option value="">{all}</option>
        {unknown && <option value={value}>{value}</option>}
        {pairs.map(([one, text]) => (
          <option key={one} value={one}>
            {text}
          </option>
        ))}
      </select>
    </div>
  )
}

/** `datetime-local` is in the reader's zone, the address in UTC. */
const localOf = (utc: string | undefined): string => {
  const at = utc === undefined ? Number.NaN : Date.parse(utc)
  if (Number.isNaN(at)) return ""
  return new Date(at - new Date(at).getTimezoneOffset() * 60_000).toISOString().slice(0, 16)
}
const utcOf = (local: string): string => (local === "" ? "" : new Date(local).toISOString())

const Moment = ({ filters, name, label }: One) => {
  const id = useId()
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      <input
        id={id}
        className="input"
        type="datetime-local"
        value={localOf(filters.values[name])}
        onChange={(event) => filters.set(name, utcOf(event.target.value))}
      />
    </div>
  )
}

const startOfDay = (daysAgo: number): string => {
  const date = new Date()
  date.setHours(0, 0, 0, 0)
  date.setDate(date.getDate() - daysAgo)
  return date.toISOString()
}

/** `from` and `to`, by a choice of the usual ones or exactly. */
export const PeriodFilter = ({ filters }: { readonly filters: Filters }) => {
  const id = useId()
  const { from = "", to = "" } = filters.values
  // Chosen, it stays: also while its moments are being written, or are one of the usual ones.
  const [exactly, setExactly] = useState(false)
  const usual: ReadonlyArray<readonly [label: string, from: string, to: string]> = [
    ["Any time", "", ""],
    ["Today", startOfDay(0), ""],
    ["Yesterday", startOfDay(1), startOfDay(0)],
    ["Last 7 days", startOfDay(7), ""],
  ]
  const chosen = (exactly ? undefined : usual.find(([, a, b]) => a === from && b === to)?.[0]) ?? "Exactly"
  return (
    <>
      <div className="field">
        <label htmlFor={id}>Time</label>
        <select
          id={id}
          className="select"
          value={chosen}
          onChange={(event) => {
            const one = usual.find(([label]) => label === event.target.value)
            setExactly(one === undefined)
            const hourAgo = new Date(Date.now() - 3_600_000).toISOString()
            const [, a, b] = one ?? ["", from || hourAgo, to]
            filters.set("from", a)
            filters.set("to", b)
          }}
        >
          {[...usual.map(([label]) => label), "Exactly"].map((label) => (
            <option key={label}>{label}</option>
          ))}
        </select>
      </div>
      {chosen === "Exactly" && (
        <>
          <Moment filters={filters} name="from" label="From" />
          <Moment filters={filters} name="to" label="Until" />
        </>
      )}
    </>
  )
}
