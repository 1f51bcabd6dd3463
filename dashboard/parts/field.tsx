/**
 * Fields of forms, with what they are for and what is wrong with them.
 */
import { Field as Base } from "@base-ui/react/field"
import type { ReactNode } from "react"

interface Labelled {
  readonly label: string
  readonly hint?: ReactNode
  readonly error?: string | undefined
}

/** @param lines more than 1: a text of several lines */
export const TextField = ({
  label,
  hint,
  error,
  value,
  onChange,
  lines = 1,
  ...input
}: Labelled & {
  readonly value: string
  readonly onChange: (value: string) => void
  readonly lines?: number
  readonly type?: "text" | "password" | "number" | "datetime-local"
  readonly placeholder?: string
  readonly required?: boolean
  readonly autoComplete?: string
  readonly autoFocus?: boolean
}) => (
  <Base.Root className="field" invalid={error !== undefined}>
    <Base.Label className="field-label">{label}</Base.Label>
    <Base.Control
      className="input"
      value={value}
      onValueChange={onChange}
      spellCheck={false}
      {...input}
      {...(lines > 1 ? { render: <textarea rows={lines} /> } : {})}
    />
    {hint !== undefined && <Base.Description className="field-hint">{hint}</Base.Description>}
    {error !== undefined && (
      <Base.Error className="field-error" match>
        {error}
      </Base.Error>
    )}
  </Base.Root>
)

export const ChoiceField = ({
  label,
  hint,
  value,
  onChange,
  choices,
}: Labelled & {
  readonly value: string
  readonly onChange: (value: string) => void
  readonly choices: ReadonlyArray<readonly [value: string, label: string]>
}) => (
  <Base.Root className="field">
    <Base.Label className="field-label">{label}</Base.Label>
    <Base.Control
      render={
        <select className="select">
          {choices.map(([one, text]) => (
            <option key={one} value={one}>
              {text}
            </option>
          ))}
        </select>
      }
      value={value}
      onValueChange={onChange}
    />
    {hint !== undefined && <Base.Description className="field-hint">{hint}</Base.Description>}
  </Base.Root>
)
