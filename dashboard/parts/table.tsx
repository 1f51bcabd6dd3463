/**
 * Lists as tables; on narrow screens each row becomes a block with its columns' names.
 */
import type { ReactNode } from "react"
import type { Problem } from "../api/call.ts"
import { Button } from "./button.tsx"
import { Failed, Loading, problemOf } from "./states.tsx"

export interface Column<R> {
  readonly label: string
  readonly show: (record: R) => ReactNode
  readonly number?: boolean
}

export function Table<R>({
  label,
  columns,
  records,
  keyOf,
}: {
  /** What is listed, for those who do not see it. */
  readonly label: string
  readonly columns: ReadonlyArray<Column<R>>
  readonly records: ReadonlyArray<R>
  readonly keyOf: (record: R) => string
}) {
  return (
    <div className="table-scroll">
      <table className="table" aria-label={label}>
        <thead>
          <tr>
            {columns.map((column) => (
              <th key={column.label} scope="col" className={column.number === true ? "number" : undefined}>
                {column.label}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {records.map((record) => (
            <tr key={keyOf(record)}>
              {columns.map((column) => (
                <td
                  key={column.label}
                  data-label={column.label}
                  className={column.number === true ? "number" : undefined}
                >
                  <div>{column.show(record)}</div>
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}

interface Listed<R> {
  readonly records: ReadonlyArray<R> | undefined
  readonly error: Problem | null
  readonly failureReason: Problem | null
  readonly hasNextPage: boolean
  readonly isCut: boolean
  readonly isFetchingNextPage: boolean
  readonly fetchNextPage: () => unknown
}

/** A list of the API's as a table, with more on demand. */
export function ListTable<R>({
  list,
  empty,
  ...table
}: {
  readonly list: Listed<R>
  readonly empty: ReactNode
  readonly label: string
  readonly columns: ReadonlyArray<Column<R>>
  readonly keyOf: (record: R) => string
}) {
  const { records, hasNextPage, isCut, isFetchingNextPage, fetchNextPage } = list
  const problem = problemOf({ ...list, data: records })
  if (records === undefined) return problem === null ? <Loading /> : <Failed problem={problem} asksAgain />
  return (
    <>
      {problem !== null && <Failed problem={problem} asksAgain />}
      {records.length === 0 ? problem === null && empty : <Table {...table} records={records} />}
      {hasNextPage && (
        <div className="card-body">
          <Button onClick={() => void fetchNextPage()} disabled={isFetchingNextPage}>
            {isFetchingNextPage ? "Loading…" : records.length === 0 ? "Look further back" : "More"}
          </Button>
        </div>
      )}
      {isCut && <p className="card-body dim">There are more, further back: a filter or a time narrows the list.</p>}
    </>
  )
}
