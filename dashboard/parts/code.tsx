/**
 * JSON and other texts for reading and copying.
 */
import { useState } from "react"
import { Button } from "./button.tsx"

/** As it is, if it is none. */
export const pretty = (value: unknown): string => {
  if (typeof value !== "string") return JSON.stringify(value, undefined, 2)
  try {
    return JSON.stringify(JSON.parse(value), undefined, 2)
  } catch {
    return value
  }
}

/** @param value JSON as a value or a text; other text is shown as it is */
export const Code = ({ value, label }: { readonly value: unknown; readonly label: string }) => {
  const text = pretty(value)
  return (
    <div className="code-wrap">
      {/* It scrolls, so the keyboard must reach it. */}
      <pre className="code" tabIndex={0} role="region" aria-label={label}>
        {text}
      </pre>
      <Copy text={text} />
    </div>
  )
}

const Copy = ({ text }: { readonly text: string }) => {
  const [copied, setCopied] = useState(false)
  // Browsers have none for pages that came over plain HTTP.
  if (!("clipboard" in navigator)) return null
  return (
    <Button
      size="small"
      onClick={() => {
        void navigator.clipboard.writeText(text).then(
          () => {
            setCopied(true)
            setTimeout(() => setCopied(false), 2_000)
          },
          // A frame may not be allowed to.
          () => {},
        )
      }}
    >
      {copied ? "Copied" : "Copy"}
    </Button>
  )
}
