/**
 * The keys of an ordered lane that have something to send or to read, in the order in which their turn came.
 */
import type { Gate } from "./gate.ts"
import { gather } from "./gather.ts"
import type { Key } from "./ordered-key.ts"

export interface Taking {
  readonly gate: Pick<Gate, "begin" | "state">
  /** The first deliveries of these keys go in one call. */
  readonly send: (keys: ReadonlyArray<Key>) => void
  readonly read: (key: Key) => void
  /** Called later, when one has waited long enough for others. */
  readonly again: () => void
}

export class Turns {
  /** A place is empty when its key went with another. */
  #keys: Array<Key | undefined> = []
  #timer: NodeJS.Timeout | undefined

  add(key: Key): void {
    if (key.listed) return
    key.listed = true
    this.#keys.push(key)
  }

  clear(): void {
    this.#keys = []
    clearTimeout(this.#timer)
    this.#timer = undefined
  }

  /** Takes keys as long as the gate lets deliveries go. */
  take({ gate, send, read, again }: Taking): void {
    let at = 0
    for (; at < this.#keys.length; at++) {
      const key = this.#keys[at]
      if (key === undefined) continue
      if (key.queue.length === 0) {
        read(this.#turn(at))
        continue
      }
      const places = this.#together(at, gate.state === "halfOpen" ? 1 : undefined)
      if (typeof places === "number") {
        this.#timer ??= setTimeout(() => {
          this.#timer = undefined
          again()
        }, Math.ceil(places))
        break
      }
      if (!gate.begin()) break
      send(places.map((place) => this.#turn(place)))
    }
    this.#keys.splice(0, at)
  }

  #turn(place: number): Key {
    const key = this.#keys[place]!
    this.#keys[place] = undefined
    key.listed = false
    return key
  }

  /** Where the keys stand that go with the one at this place, itself included; or for how long it still waits for others. */
  #together(place: number, size: number | undefined): ReadonlyArray<number> | number {
    if (this.#keys[place]!.queue[0]!.form === undefined) return [place]
    const heads = this.#keys.flatMap((key, i) => {
      const item = i < place ? undefined : key?.queue[0]
      return item === undefined ? [] : [{ form: item.form, since: item.since, place: i }]
    })
    const together = gather(heads, performance.now(), size)
    return typeof together === "number" ? together : together.map((head) => head.place)
  }
}
