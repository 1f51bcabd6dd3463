/**
 * What people want of a shard's deliveries, as its owner knows it, and telling the log what came of that.
 *
 * An instruction stands in the log before it is heard of here, so that whoever takes the shard over goes on with it; its record and what
 * came of it are written after it was carried out, and may be written twice.
 */
import { limits } from "../config/defaults.ts"
import type { Given, Instructions, Target } from "../log/instructions.ts"
import { logTime } from "../log/log-time.ts"
import type { Work } from "../log/work.ts"
import { connectionName } from "../model/connection-state.ts"
import type { Delivery } from "../model/delivery.ts"
import type { DeliveryId } from "../model/ids.ts"
import { isCancelledBy, isHurriedBy } from "../model/instruction.ts"
import type { Committer } from "./commit.ts"

export interface InstructedOptions {
  readonly instructions: Instructions["Service"]
  readonly unschedule: Work["Service"]["unschedule"]
  readonly committer: Committer["Service"]
  /** Gives up what waits in memory of a delivery. */
  readonly drop: (target: Target) => void
  readonly warn: (message: string) => void
}

export class Instructed {
  readonly #options: InstructedOptions
  readonly #given = new Map<DeliveryId, Given>()
  /** From the beginning of an attempt until what came of it is stored. */
  readonly #underWay = new Set<DeliveryId>()
  #forgottenAt = performance.now()

  constructor(options: InstructedOptions) {
    this.#options = options
  }

  /** Carried out at once; or when what came of the attempt under way is stored. */
  take(given: Given): void {
    this.#given.set(given.delivery, given)
    if (given.instruction.result === undefined && !this.#underWay.has(given.delivery)) this.#carryOut(given)
  }

  /** An attempt begins. */
  begin(delivery: DeliveryId): void {
    this.#underWay.add(delivery)
  }

  /** What came of an attempt is stored. */
  end({ id, state }: Delivery): void {
    this.#underWay.delete(id)
    const given = this.#given.get(id)
    if (given === undefined || given.instruction.result !== undefined) return
    if (state === "retrying" || state === "cancelled") this.#carryOut(given)
    else this.#untilDone(given, () => this.#options.instructions.settle(given, state))
  }

  /** It is not to be sent. */
  isCancelled(delivery: Delivery): boolean {
    const given = this.#given.get(delivery.id)
    return given !== undefined && isCancelledBy(delivery, given.instruction)
  }

  /** Its next attempt is to be made now. */
  isHurried(delivery: Delivery): boolean {
    const given = this.#given.get(delivery.id)
    return given !== undefined && isHurriedBy(delivery, given.instruction)
  }

  #carryOut(given: Given): void {
    const { drop, unschedule, instructions } = this.#options
    if (given.instruction.kind === "cancel") drop(given)
    this.#untilDone(given, async () => {
      if (given.instruction.kind === "cancel") {
        await unschedule({ ...given, id: given.delivery })
        await this.#record(given, "delivery.cancelled")
        return instructions.settle(given, "cancelled")
      }
      // Before it is sent: its attempt comes after this.
      await this.#record(given, "delivery.revived")
      await instructions.bringForward(given)
      return instructions.settle(given, "retrying")
    })
  }

  /** Now and then: forgets those that nothing is left to be meant by. */
  async forget(): Promise<void> {
    const now = performance.now()
    if (now - this.#forgottenAt < limits.instructionsForgottenEveryMs) return
    this.#forgottenAt = now
    for (const all of Map.groupBy(this.#given.values(), connectionName).values()) {
      const [first] = all as [Given]
      const kept = logTime() - limits.instructionKeptMs
      if (all.every(({ instruction }) => instruction.at > kept)) continue
      const waiting = await this.#options.instructions.oldest(first)
      const stays = ({ seq, instruction: { at, result } }: Given) => at > kept || result === undefined || seq >= waiting
      const before = Math.min(...all.filter(stays).map(({ seq }) => seq), Math.max(...all.map(({ seq }) => seq)) + 1)
      const gone = all.filter(({ seq }) => seq < before)
      if (gone.length === 0) continue
      await this.#options.instructions.forget(first, before)
      for (const one of gone) if (this.#given.get(one.delivery) === one) this.#given.delete(one.delivery)
    }
  }

  #record({ workspace, connection, delivery, instruction }: Given, kind: "delivery.cancelled" | "delivery.revived") {
    const { at, event, by } = instruction
    return new Promise<void>((acknowledge) =>
      this.#options.committer.add({
        record: { kind, at, delivery, event, workspace, connection, by },
        acknowledge,
      }),
    )
  }

  /** Again and again, as long as it is what is wanted and the log says nothing of it. */
  #untilDone(given: Given, work: () => Promise<void>): void {
    const again = async () => {
      for (let delay: number = limits.restartDelayMs; ; delay = Math.min(delay * 2, limits.restartDelayMaxMs)) {
        try {
          return await work()
        } catch (cause) {
          if (this.#given.get(given.delivery) !== given) return
          this.#options.warn(`an instruction about ${given.delivery}: ${String(cause)}`)
          await new Promise((resolve) => setTimeout(resolve, delay).unref())
        }
      }
    }
    void again()
  }
}
