/**
 * How much of something is used up, or how far something has come.
 */
import { Meter as BaseMeter } from "@base-ui/react/meter"
import { Progress as BaseProgress } from "@base-ui/react/progress"

const number = new Intl.NumberFormat()

export const count = (n: number): string => number.format(n)

/** Used of a limit: from 80 % on it warns, at 100 % it is bad. */
export const Meter = ({
  label,
  used,
  limit,
}: {
  readonly label: string
  readonly used: number
  readonly limit: number
}) => {
  const percent = limit === 0 ? 100 : Math.min(100, Math.floor((used / limit) * 100))
  return (
    <BaseMeter.Root
      className="meter"
      data-tone={percent >= 100 ? "bad" : percent >= 80 ? "warn" : undefined}
      value={percent}
      getAriaValueText={() => `${count(used)} of ${count(limit)}, ${percent} %`}
    >
      <div className="meter-head">
        <BaseMeter.Label>{label}</BaseMeter.Label>
        <span className="number">
          {count(used)} of {count(limit)} ({percent} %)
        </span>
      </div>
      <BaseMeter.Track className="meter-track">
        <BaseMeter.Indicator className="meter-fill" />
      </BaseMeter.Track>
    </BaseMeter.Root>
  )
}

/** @param of `undefined`: how much there is to do is not known */
export const Progress = ({
  label,
  done,
  of,
}: {
  readonly label: string
  readonly done: number
  readonly of: number | undefined
}) => (
  <BaseProgress.Root
    className="meter"
    value={of === undefined ? null : of === 0 ? 100 : Math.min(100, (done / of) * 100)}
  >
    <div className="meter-head">
      <BaseProgress.Label>{label}</BaseProgress.Label>
      <span className="number">{of === undefined ? count(done) : `${count(done)} of ${count(of)}`}</span>
    </div>
    <BaseProgress.Track className="meter-track">
      <BaseProgress.Indicator className="meter-fill" />
    </BaseProgress.Track>
  </BaseProgress.Root>
)

/** A number that counts, under what it counts: in a `<dl>`. */
export const Figure = ({ label, n }: { readonly label: string; readonly n: number }) => (
  <div>
    <dt>{label}</dt>
    <dd className="figure-number">{count(n)}</dd>
  </div>
)
