/**
 * Which deliveries of a lane go in one call: those of an action with a batch form, as many as one call takes, or as many as there are
 * when the first has waited long enough for others.
 */

/** How a delivery goes together with others. */
export interface Form {
  /** Only deliveries of the same action go together. */
  readonly action: string
  /** In one call, at the most. */
  readonly size: number
  /** How long one may wait for others. */
  readonly waitMs: number
}

export interface Gatherable {
  readonly form?: Form | undefined
  /** When it was taken up, by `performance.now()`. */
  readonly since: number
}

/**
 * Those that go together with the first, in their order, the first included; or for how many milliseconds the first may still wait.
 *
 * @param ready not empty
 * @param size at the most, whatever their form says
 */
export const gather = <A extends Gatherable>(
  ready: ReadonlyArray<A>,
  now: number,
  size = Number.POSITIVE_INFINITY,
): ReadonlyArray<A> | number => {
  const [first] = ready as readonly [A]
  const { form } = first
  if (form === undefined || form.size === 1 || size === 1) return [first]
  const most = Math.min(form.size, size)
  const together: Array<A> = []
  for (const one of ready) {
    if (one.form?.action !== form.action) continue
    together.push(one)
    if (together.length === most) return together
  }
  const left = first.since + form.waitMs - now
  return left > 0 ? left : together
}
