/**
 * Lists that move by themselves: whoever reads one may hold it still.
 */
import { useState, type ReactNode } from "react"
import { live } from "../api/use.ts"
import { Button } from "./button.tsx"
import { Time } from "./time.tsx"

/** How often to ask, as `useList` takes it, and the button that changes it. */
export const useLive = (): { readonly every: number | undefined; readonly button: ReactNode } => {
  const [still, setStill] = useState(false)
  return {
    every: still ? undefined : live,
    button: (
      <Button size="small" onClick={() => setStill(!still)}>
        {still ? "Go on" : "Hold still"}
      </Button>
    ),
  }
}

/** How far the history may be behind before somebody has to know, in milliseconds. */
const behindMs = 30_000

/** Says so where the history is not told up to now: what is not listed may have happened. */
export const Behind = ({ asOf }: { readonly asOf: string | null | undefined }) => {
  if (asOf === undefined || (asOf !== null && Date.now() - Date.parse(asOf) < behindMs)) return null
  return (
    <div className="notice" data-tone="warn" role="status">
      <p>
        {asOf === null ? (
          "The log does not say now how far the history is told: the newest may be missing here."
        ) : (
          <>
            This is told up to <Time at={asOf} />: the history is being made anew, or is behind. What came later is not
            here yet.
          </>
        )}
      </p>
    </div>
  )
}
