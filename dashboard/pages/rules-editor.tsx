/**
 * Rules as JSON, to be written, and beside them what is wrong with them.
 */
import { Button } from "../parts/button.tsx"
import { TextField } from "../parts/field.tsx"
import { Card } from "../parts/page.tsx"
import { ErrorItems } from "../parts/states.tsx"

export const RulesEditor = ({
  text,
  onText,
  onReset,
  wrong,
  errors,
}: {
  readonly text: string
  readonly onText: (text: string) => void
  /** `undefined`: they are those in force, as they are. */
  readonly onReset: (() => void) | undefined
  /** Why it is no JSON. */
  readonly wrong: string | undefined
  readonly errors: ReadonlyArray<{ readonly path: string; readonly message: string }>
}) => (
  <Card
    title="Candidate rules"
    acts={
      onReset !== undefined && (
        <Button size="small" onClick={onReset}>
          Back to those in force
        </Button>
      )
    }
  >
    <div className={errors.length > 0 ? "grid-2" : undefined}>
      <TextField
        label="All rules of the workspace, by their ids, as in the config"
        value={text}
        onChange={onText}
        lines={14}
        error={wrong === undefined ? undefined : `This is no JSON: ${wrong}`}
        hint="Conditions and mappings are JSONata. A rule that is not here is tried as if it were not there."
      />
      {errors.length > 0 && (
        <div className="notice" data-tone="bad" role="alert">
          <div className="stack">
            <h3>{errors.length === 1 ? "A mistake in the rules" : `${errors.length} mistakes in the rules`}</h3>
            <ul className="stack">
              <ErrorItems errors={errors} />
            </ul>
          </div>
        </div>
      )}
    </div>
  </Card>
)
