/**
 * Something that is so or not, to be ticked.
 */
import { Checkbox } from "@base-ui/react/checkbox"
import { useId, type ReactNode } from "react"

export const CheckField = ({
  label,
  hint,
  checked,
  onChange,
  disabled = false,
}: {
  readonly label: ReactNode
  readonly hint?: ReactNode
  readonly checked: boolean
  readonly onChange: (checked: boolean) => void
  readonly disabled?: boolean
}) => {
  const hintId = useId()
  return (
    <label className="check">
      <Checkbox.Root
        className="check-box"
        checked={checked}
        onCheckedChange={onChange}
        disabled={disabled}
        aria-describedby={hint === undefined ? undefined : hintId}
      >
        <Checkbox.Indicator className="check-mark" render={<svg viewBox="0 0 10 10" aria-hidden="true" />}>
          <path d="M1.5 5.5 4 8l4.5-6" fill="none" stroke="currentColor" strokeWidth="1.8" />
        </Checkbox.Indicator>
      </Checkbox.Root>
      <span>
        {label}
        {hint !== undefined && (
          <span className="field-hint" id={hintId}>
            {hint}
          </span>
        )}
      </span>
    </label>
  )
}
