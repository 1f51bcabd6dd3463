/**
 * Everything that a connector sends in its cases: by its actions, one and many in a call, its test, its lists, and its other ways to
 * prove who is asking.
 */
import { existsSync } from "node:fs"
import { fileURLToPath } from "node:url"
import * as Effect from "effect/Effect"
import { listChoices, testConnection } from "../../src/deliver/check.ts"
import type { ConnectorCases, Exchange } from "./cases.ts"
import { makeTrial, startVendor, valuesAt, type Arrived } from "./trial.ts"

export interface Sent extends Arrived {
  /** The action, list or way. */
  readonly by: string
}

const casesOf = (name: string): URL => new URL(`../../connectors/${name}/cases.ts`, import.meta.url)

export const hasCases = (name: string): boolean => existsSync(fileURLToPath(casesOf(name)))

export const sentBy = async (name: string): Promise<ReadonlyArray<Sent>> => {
  const { cases } = (await import(casesOf(name).href)) as { readonly cases: ConnectorCases }
  const vendor = await startVendor()
  const sent: Array<Sent> = []
  /** What `act` sends to a vendor that is well; of a list only the first page, as the last reply is given for all that come after. */
  const note = async (by: string, exchange: ReadonlyArray<Exchange>, act: () => Promise<unknown>) => {
    vendor.script(exchange.map(({ reply }) => reply))
    await act()
    if (vendor.arrived.length < exchange.length) throw new Error(`${name}: ${by} sent too little`)
    sent.push(...vendor.arrived.slice(0, exchange.length).map((arrived) => ({ by, ...arrived })))
  }
  const trialOf = ({ connection, secrets, token }: Pick<ConnectorCases, "connection" | "secrets" | "token">) =>
    makeTrial(connection(vendor.url), valuesAt(secrets, vendor.url), token)

  const trial = await trialOf(cases)
  for (const [id, { input, exchange = [], batches = [] }] of Object.entries(cases.actions)) {
    await note(id, exchange, () => trial.attempt(id, [input]))
    for (const { inputs, exchange: one } of batches) {
      await note(`${id}, several in one call`, [one], () => trial.attempt(id, inputs))
    }
  }
  if (cases.test !== undefined) {
    await note("the connection's test", [cases.test], () => Effect.runPromise(testConnection(trial)))
  }
  for (const [list, one] of Object.entries(cases.lists ?? {})) {
    await note(`the list ${list}`, [one], () => Effect.runPromise(listChoices(trial, list)))
  }
  await trial.close()
  for (const way of cases.ways ?? []) {
    const other = await trialOf(way)
    await note(`${way.action} by ${way.name}`, way.exchange, () => other.attempt(way.action, [way.input]))
    await other.close()
  }
  await vendor.close()
  return sent
}
