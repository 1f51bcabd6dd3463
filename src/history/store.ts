/**
 * The projection's file as one process has it: who projects among those that share the folder, the file opened to project and to read.
 * It works in a thread of its own (`thread.ts`): SQLite keeps whoever calls it waiting.
 */
import { mkdirSync, statSync } from "node:fs"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { makeProjector, type Checkpoint, type ProjectedMessage, type Projector } from "./project.ts"
import { makeQueries, type Queries } from "./queries.ts"
import { makeRemover, type Remover, type Retention } from "./retention.ts"
import { isBusy, isDamaged, openToProject, openToRead, removeFile } from "./shape.ts"

export type Store = ReturnType<typeof makeStore>

export const makeStore = (folder: string) => {
  mkdirSync(folder, { recursive: true })
  const file = join(folder, "history.sqlite")
  let lock: DatabaseSync | undefined
  let writing: { readonly db: DatabaseSync; readonly projector: Projector; readonly remover: Remover } | undefined
  let reading: { readonly db: DatabaseSync; readonly queries: Queries; readonly inode: number } | undefined

  /** Why it is no longer there. */
  let removed: string | undefined

  const stopWriting = () => {
    writing?.db.close()
    writing = undefined
  }
  const stopReading = () => {
    reading?.db.close()
    reading = undefined
  }

  /** What is found to be damaged is of no use to anybody: who projects begins anew. */
  const guarded = <A>(run: () => A, stop: () => void): A => {
    const projects = writing !== undefined
    try {
      return run()
    } catch (cause) {
      stop()
      if (projects && isDamaged(cause)) {
        stopReading()
        stopWriting()
        removeFile(file)
        removed = `it was damaged (${(cause as Error).message})`
      }
      throw cause
    }
  }

  const queries = (): Queries => {
    const inode = statSync(file, { throwIfNoEntry: false })?.ino
    if (inode === undefined) throw new Error("it is not there yet")
    if (reading?.inode !== inode) {
      stopReading()
      const db = openToRead(file)
      reading = { db, queries: makeQueries(db), inode }
    }
    return reading.queries
  }

  return {
    /** Becomes the one that projects, until it ends; `false`: somebody else is. The system frees the lock of a process that is killed. */
    claim: (): boolean => {
      if (lock !== undefined) return true
      const db = new DatabaseSync(join(folder, "history.lock"))
      try {
        db.exec("BEGIN EXCLUSIVE")
        lock = db
        return true
      } catch (cause) {
        db.close()
        if (isBusy(cause)) return false
        throw cause
      }
    },
    /** Opens it to project, anew if need be: then `fresh` says why. */
    open: (log: string, last: number): { readonly checkpoint: Checkpoint; readonly fresh?: string } => {
      stopWriting()
      const { db, fresh } = openToProject(file, log, last)
      const projector = makeProjector(db)
      writing = { db, projector, remover: makeRemover(db) }
      const why = fresh === undefined ? undefined : (removed ?? fresh)
      removed = undefined
      return { checkpoint: projector.checkpoint(), ...(why === undefined ? {} : { fresh: why }) }
    },
    /** How many records there were. */
    project: (messages: ReadonlyArray<ProjectedMessage>): number =>
      guarded(() => {
        if (writing === undefined) throw new Error(removed ?? "it is not open")
        return writing.projector.project(messages)
      }, stopWriting),
    /** Removes some of what is too old; `true`: no more is. */
    remove: (retention: Retention): boolean =>
      guarded(() => {
        if (writing === undefined) throw new Error(removed ?? "it is not open")
        return writing.remover.bite(retention)
      }, stopWriting),
    ask: <Q extends keyof Queries>(question: Q, of: Parameters<Queries[Q]>): ReturnType<Queries[Q]> =>
      guarded(
        () => (queries()[question] as (...of: ReadonlyArray<unknown>) => ReturnType<Queries[Q]>)(...of),
        stopReading,
      ),
    close: (): void => {
      // The last to close it leaves one file behind: it must be one that may write.
      stopReading()
      stopWriting()
      lock?.close()
      lock = undefined
    },
  }
}
