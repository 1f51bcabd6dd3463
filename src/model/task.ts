/**
 * What goes on in the background until it is over: a replay, an operation. Whoever runs it may change; how far it has come is in the log.
 */

export interface Task<Progress> {
  readonly id: string
  /** When it was begun, in milliseconds, and by whom: `key:<name>`, `cli:<user>`. */
  readonly created: number
  readonly by: string
  readonly state: "running" | "stopped" | "done"
  /** Once it is over. */
  readonly ended?: TaskEnd
  readonly progress: Progress
  /** Sequence of the last message that it came to, where it reads messages. */
  readonly at?: number
}

export interface TaskEnd {
  readonly at: number
  /** Who stopped it; absent: it came to its end. */
  readonly by?: string
  /** Why, where it was the runtime. */
  readonly reason?: string
}

/** `done` is one that nobody stopped. */
export const stateOf = ({ by }: TaskEnd): Task<unknown>["state"] => (by === undefined ? "done" : "stopped")
