/**
 * What a command writes: results on standard output, notes and progress on standard error; for people on a terminal, for programs with
 * `--json`. And how it ends: 0 done, 1 the answer is no, 2 wrong use.
 */
import * as Schema from "effect/Schema"
import ora from "ora"
import pc from "picocolors"

/** The command did its work and the answer is no (an invalid config, a failed delivery). What is to be said was said. */
export class AnswerIsNo extends Schema.TaggedError<AnswerIsNo>()("AnswerIsNo", {}) {}

/** The command was used in a way that it cannot be. */
export class WrongUse extends Schema.TaggedError<WrongUse>()("WrongUse", { message: Schema.String }) {}

const writeTo = (stream: NodeJS.WriteStream, text: string): void => void stream.write(text)

export const print = (line: string): void => writeTo(process.stdout, `${line}\n`)
export const printJson = (value: unknown): void => print(JSON.stringify(value))
export const note = (line: string): void => writeTo(process.stderr, `${line}\n`)

/** Colours for people; none where standard output is no terminal or `NO_COLOR` is set. */
export const paint = process.stdout.isTTY === true ? pc : pc.createColors(false)
const paintNote = process.stderr.isTTY === true ? pc : pc.createColors(false)

export const good = (line: string): void => note(`${paintNote.green("✓")} ${line}`)
/** Something that works, and not as it should. */
export const warn = (line: string): void => note(`${paintNote.yellow("!")} ${line}`)
export const bad = (line: string): void => note(`${paintNote.red("✗")} ${line}`)

/** Lines up columns. The last one is not padded. */
export const table = (rows: ReadonlyArray<ReadonlyArray<string>>): ReadonlyArray<string> => {
  const widths: Array<number> = []
  for (const row of rows) for (const [i, cell] of row.entries()) widths[i] = Math.max(widths[i] ?? 0, cell.length)
  return rows.map((row) => row.map((cell, i) => (i === row.length - 1 ? cell : cell.padEnd(widths[i]!))).join("  "))
}

export interface Progress {
  readonly say: (line: string) => void
  readonly stop: () => void
}

/** A spinner on a terminal; lines elsewhere. */
export const startProgress = (): Progress => {
  if (process.stderr.isTTY !== true) return { say: note, stop: () => undefined }
  const spinner = ora({ stream: process.stderr, discardStdin: false })
  return {
    say: (line) => {
      spinner.text = line
      if (!spinner.isSpinning) spinner.start()
    },
    stop: () => void spinner.stop(),
  }
}

/** `2026-01-31 09:30:00` in UTC. */
export const showTime = (ms: number): string => new Date(ms).toISOString().slice(0, 19).replace("T", " ")

/** `in 20 s`, `in 5 min`, `in 3.5 h`. */
export const showWait = (ms: number): string => {
  if (ms <= 0) return "now"
  if (ms < 90_000) return `in ${Math.ceil(ms / 1000)} s`
  return ms < 5_400_000 ? `in ${Math.round(ms / 60_000)} min` : `in ${(ms / 3_600_000).toFixed(1)} h`
}
