/**
 * Reading from a JetStream consumer with an exact bound: at most `window` messages are here or asked for at any time, and more are
 * asked for only when the reader says it has finished some. Messages come by callback, without a promise each.
 *
 * It notices by itself when the server falls silent (heartbeats), when the connection was replaced and when the consumer is gone; it
 * asks anew in the first two cases and reports the third, so that its owner can start over.
 */
import { createInbox, nanos, type Msg, type Subscription } from "@nats-io/nats-core"
import { limits } from "../config/defaults.ts"
import type { NatsShape } from "./connection.ts"

/** A message of a stream, with what JetStream says of its delivery. */
export interface Pulled {
  readonly subject: string
  readonly data: Uint8Array
  readonly header: (name: string) => string | undefined
  /** Sequence in the stream. */
  readonly seq: number
  /** Sequence among what this consumer delivered: a gap means that messages were lost on the way. */
  readonly consumerSeq: number
  /** When the stream stored it, in milliseconds. */
  readonly time: number
  /** 1 the first time. */
  readonly deliveries: number
  readonly ack: () => void
  /** Give it to somebody (at once). */
  readonly nak: () => void
  /** More time, please. */
  readonly working: () => void
}

export interface Pull {
  /** The reader is through with this many messages. */
  readonly done: (count: number) => void
  /** When the server was last heard of, by `performance.now()`. */
  readonly heardAt: () => number
  readonly close: () => void
}

export interface PullOptions {
  readonly stream: string
  readonly consumer: string
  readonly window: number
  /** A priority group of pinned clients: whoever is pinned is given everything, the others wait for their turn. */
  readonly group?: string
  readonly onMessage: (message: Pulled) => void
  /** The consumer is gone or refuses us. The pull has ended. */
  readonly onGone: (reason: string) => void
}

const encoder = new TextEncoder()
const words = { ack: encoder.encode("+ACK"), nak: encoder.encode("-NAK"), working: encoder.encode("+WPI") } as const

export const openPull = ({ nc, onReconnect }: NatsShape, options: PullOptions): Pull => {
  const next = `$JS.API.CONSUMER.MSG.NEXT.${options.stream}.${options.consumer}`
  let free = options.window
  let asked = 0
  let generation = 0
  let heard = performance.now()
  let restarted = heard
  let closed = false
  let subscription: Subscription | undefined
  let inbox = ""
  /** What the server calls us by while we are pinned. */
  let pin: string | undefined
  // A pin is kept by asking: requests of a group are short.
  const [expiresMs, heartbeatMs] =
    options.group === undefined
      ? [limits.pullExpiresMs, limits.pullHeartbeatMs]
      : [limits.pinnedPullExpiresMs, limits.pinnedPullHeartbeatMs]

  const ask = () => {
    if (closed || free <= 0 || (asked > 0 && free < options.window / 4)) return
    const batch = free
    free = 0
    asked += batch
    const request = {
      batch,
      expires: nanos(expiresMs),
      idle_heartbeat: nanos(heartbeatMs),
      ...(options.group === undefined ? {} : { group: options.group }),
      ...(pin === undefined ? {} : { id: pin }),
    }
    try {
      nc.publish(next, JSON.stringify(request), { reply: `${inbox}.${generation}` })
    } catch {
      // The connection is closing: the watchdog or the owner ends this.
    }
  }

  /** Forget what was asked for: it will not be answered. A new inbox, so that a late answer is not counted. */
  const restart = () => {
    free += asked
    asked = 0
    generation++
    restarted = performance.now()
    ask()
  }

  const gone = (reason: string) => {
    if (closed) return
    close()
    options.onGone(reason)
  }

  const onStatus = (message: Msg) => {
    if (message.subject !== `${inbox}.${generation}`) return
    const code = message.headers?.code ?? 0
    if (code === 100) return
    const description = message.headers?.description ?? ""
    // Somebody else is pinned, or nobody is any more: ask as one who waits.
    if (code === 423) pin = undefined
    if (code === 409 && /deleted|not exist|push based/i.test(description)) return gone(description)
    if (code === 400 || (code === 404 && /consumer/i.test(description))) return gone(description)
    if (code === 503) {
      // No responders: the consumer does not exist (yet). Its owner finds out.
      return gone("the server knows no such consumer")
    }
    const left = Number(message.headers?.get("Nats-Pending-Messages") ?? Number.NaN)
    const returned = Number.isFinite(left) ? Math.min(left, asked) : asked
    asked -= returned
    free += returned
    // 404 and 408 end a request in the ordinary way; after anything else (leader change, shutdown) it is no use to hurry.
    if (code === 404 || code === 408 || code === 423) ask()
    else setTimeout(ask, limits.natsReconnectWaitMs)
  }

  const onMessage = (error: Error | null, message: Msg) => {
    if (error !== null) return gone(error.message)
    heard = performance.now()
    if (message.reply === undefined || message.reply === "" || message.subject.startsWith(inbox))
      return onStatus(message)
    if (asked > 0) asked--
    // Looked for only while it is not known: reading headers costs more than all else here.
    if (options.group !== undefined && pin === undefined) pin = message.headers?.get("Nats-Pin-Id") || undefined
    options.onMessage(describe(message))
  }

  const close = () => {
    closed = true
    clearInterval(watchdog)
    forget()
    try {
      subscription?.unsubscribe()
    } catch {
      // The connection is closed already.
    }
  }

  inbox = createInbox()
  subscription = nc.subscribe(`${inbox}.*`, { callback: onMessage })
  const forget = onReconnect(restart)
  const watchdog = setInterval(() => {
    const quiet = performance.now() - Math.max(heard, restarted)
    if (asked > 0 && quiet > limits.pullHeartbeatMs * 2.5) restart()
  }, heartbeatMs)
  ask()

  return {
    done: (count) => {
      free += count
      ask()
    },
    heardAt: () => heard,
    close,
  }
}

const describe = (message: Msg): Pulled => {
  // $JS.ACK.<stream>.<consumer>.<deliveries>.<seq>.<consumer seq>.<ns>.<pending>, newer: two tokens more after ACK (and a last one)
  const tokens = message.reply!.split(".")
  const at = tokens.length >= 11 ? 6 : 4
  return {
    subject: message.subject,
    data: message.data,
    header: (name) => {
      const value = message.headers?.get(name)
      return value === undefined || value === "" ? undefined : value
    },
    deliveries: Number(tokens[at]),
    seq: Number(tokens[at + 1]),
    consumerSeq: Number(tokens[at + 2]),
    time: Math.floor(Number(tokens[at + 3]) / 1e6),
    ack: () => void message.respond(words.ack),
    nak: () => void message.respond(words.nak),
    working: () => void message.respond(words.working),
  }
}
