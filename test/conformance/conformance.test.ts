/**
 * Every connector of the package is held to what a connector must do, by the cases in its folder. To be listed is enough to be tested.
 */
import { existsSync, readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import * as connectors from "../../connectors/index.ts"
import { listChoices, testConnection } from "../../src/deliver/check.ts"
import type { Connection } from "../../src/index.ts"
import { isPermanent, type Outcome } from "../../src/model/outcome.ts"
import { contextOf } from "../support/action.ts"
import type { AnswerCase, Answers, ConnectorCases, Expected, Reply } from "./cases.ts"
import { makeTrial, planFor, startVendor, valuesAt, type Arrived, type Trial, type Vendor } from "./trial.ts"

const folder = fileURLToPath(new URL("../../connectors", import.meta.url))

/** Answers that come late by a machine's whim must not count as a vendor's asking for more. */
const waitSlackMs = 2000
const patienceMs = 150

const expectArrived = (arrived: ReadonlyArray<Arrived>, expected: ReadonlyArray<Expected>) => {
  expect(
    arrived.map(({ body, ...rest }, i) => {
      const wanted = expected[i]?.body
      const seen = body === "" ? undefined : typeof wanted === "string" ? body : (JSON.parse(body) as unknown)
      return { ...rest, body: seen }
    }),
  ).toEqual(expected.map(({ body, ...rest }) => ({ ...rest, body })))
}

const replyOf = ({ reply }: AnswerCase): Reply => (typeof reply === "function" ? reply(Date.now()) : reply)

const expectOutcome = (outcome: Outcome, answer: AnswerCase) => {
  const { kind, permanent, retryAfterMs, says } = answer
  expect({ kind: outcome.kind, permanent: isPermanent(outcome), message: outcome.message }).toEqual({
    kind,
    permanent,
    message: says === undefined ? expect.any(String) : expect.stringMatching(says),
  })
  if (retryAfterMs === undefined) expect(outcome.retryAfterMs).toBeUndefined()
  else expect(Math.abs(outcome.retryAfterMs! - retryAfterMs)).toBeLessThanOrEqual(waitSlackMs)
}

const stateOf = (outcome: Outcome) =>
  outcome.kind === "delivered" ? "delivered" : isPermanent(outcome) ? "dead" : "retried"

/** As short a text as is looked for when secrets are masked. */
const secretCharactersMin = 6

for (const [name, make] of Object.entries(connectors as { readonly [name: string]: (settings: any) => Connection })) {
  describe(`${name}`, () => {
    let vendor: Vendor
    let trial: Trial
    let cases: ConnectorCases
    let secrets: { readonly [name: string]: string }

    beforeAll(async () => {
      cases = ((await import(`../../connectors/${name}/cases.ts`)) as { readonly cases: ConnectorCases }).cases
      vendor = await startVendor()
      secrets = valuesAt(cases.secrets, vendor.url)
      trial = await makeTrial(cases.connection(vendor.url), secrets, cases.token)
    })
    afterAll(async () => {
      await trial.close()
      await vendor.close()
    })

    const { connector } = make({})

    test("is described: titles, fields, examples that fit, what a repeat does, and a page about its limits", () => {
      expect(connector.name).toBe(name)
      expect(existsSync(`${folder}/${name}/README.md`)).toBe(true)
      expect(readFileSync(`${folder}/${name}/README.md`, "utf8")).toMatch(/limit/i)
      for (const [id, action] of Object.entries(connector.actions)) {
        expect(action.title, id).not.toBe("")
        expect(action.description, `${id} has a description`).toBeTruthy()
        expect(action.repeat, `${id} says what a repeat does`).toBeTruthy()
        if (action.map === "optional") continue
        expect(action.example, `${id} has an example`).toBeDefined()
        const decoded = Schema.decodeUnknownResult(action.input, { errors: "all" })(action.example)
        expect(Result.isSuccess(decoded), `${id}: the example fits`).toBe(true)
      }
    })

    test("every action has a case, and every case an action", () => {
      expect(Object.keys(cases.actions).toSorted()).toEqual(Object.keys(connector.actions).toSorted())
      expect(Object.keys(cases.lists ?? {}).toSorted()).toEqual(Object.keys(connector.lists ?? {}).toSorted())
      expect(cases.test === undefined).toBe(connector.test === undefined)
    })

    test("settings that are wrong are told with their path, and no secret written into them is repeated", () => {
      expect(cases.wrongSettings.length).toBeGreaterThan(0)
      for (const { connection, path, says } of cases.wrongSettings) {
        const plan = planFor(connection)
        const issues = Result.isFailure(plan) ? plan.failure : []
        const here = `workspaces.acme.connections.c${path === "" ? "" : `.${path}`}: `
        expect(issues.filter((issue) => issue.startsWith(here)).join("\n")).toMatch(says)
        expect(issues.join("\n")).not.toContain("in-clear")
      }
    })

    test("an action that is not HTTP shows beforehand what it does", async () => {
      for (const [id, action] of Object.entries(connector.actions)) {
        if (!("run" in action)) continue
        const { input, preview } = cases.actions[id]!
        expect(action.preview(input, contextOf(trial.settings))).toEqual(preview)
        const { outcomes } = await trial.attempt(id, [input])
        expect(outcomes[0]).toMatchObject({ kind: "delivered" })
      }
    })

    for (const id of Object.keys(connector.actions)) {
      const action = connector.actions[id]!
      if ("run" in action) continue

      test(`${id} sends exactly what it says`, async () => {
        const { input, exchange = [] } = cases.actions[id]!
        vendor.script(exchange.map(({ reply }) => reply))
        const { outcomes } = await trial.attempt(id, [input])
        expectArrived(
          vendor.arrived,
          exchange.map(({ request }) => request),
        )
        expect(outcomes[0]).toMatchObject({ kind: "delivered", request: expect.anything() })
      })

      test(`${id} tells apart what its vendor answers`, async () => {
        const { input, answers, more = [], exchange = [] } = cases.actions[id]!
        const kinds: Answers = { ...cases.answers!, ...answers }
        for (const answer of [...Object.values(kinds), ...more] as ReadonlyArray<AnswerCase>) {
          const said = replyOf(answer)
          const last = exchange.at(-1)!.reply
          // A call of several that goes on after this answer meets a vendor that is well.
          vendor.script(exchange.length > 1 ? [said, ...exchange.slice(1).map(({ reply }) => reply), last] : [said])
          const { outcomes } = await trial.attempt(id, [input])
          expectOutcome(outcomes[0]!, answer)
        }
      })

      test(`${id} ends in time when its vendor does not answer`, async () => {
        vendor.script([undefined])
        const { outcomes } = await trial.attempt(id, [cases.actions[id]!.input], patienceMs)
        expect(outcomes[0]).toMatchObject({ kind: "timeout" })
      })

      test(`${id} keeps secrets out of what is kept of it`, async () => {
        vendor.script([
          ({ method, path, headers, body }) => ({ status: 400, body: JSON.stringify({ method, path, headers, body }) }),
        ])
        const { outcomes } = await trial.attempt(id, [cases.actions[id]!.input])
        const kept = JSON.stringify(outcomes)
        const values = [...Object.values(secrets), ...(cases.token === undefined ? [] : [cases.token.accessToken])]
        for (const value of values) {
          expect(value.length).toBeGreaterThanOrEqual(secretCharactersMin)
          expect(kept).not.toContain(value)
        }
        const { authorization } = vendor.arrived[0]!.headers
        if (typeof authorization === "string") expect(kept).not.toContain(authorization.split(" ").at(-1))
      })

      test(`${id} refuses inputs that do not fit, with their path`, async () => {
        const { wrongInputs = [] } = cases.actions[id]!
        if (action.map !== "optional") expect(wrongInputs.length).toBeGreaterThan(0)
        for (const { input, path } of wrongInputs) {
          vendor.script([{ status: 500 }])
          const { outcomes } = await trial.attempt(id, [input])
          expect(outcomes[0]).toMatchObject({ kind: "mapping_error", permanent: true })
          expect(outcomes[0]!.message).toContain(path)
          expect(vendor.arrived).toEqual([])
        }
      })

      if (!("batch" in action)) continue

      test(`${id} sends several in one call, and knows what became of each`, async () => {
        const { batches = [] } = cases.actions[id]!
        expect(batches.length).toBeGreaterThan(0)
        for (const { inputs, exchange, outcomes: wanted } of batches) {
          vendor.script([exchange.reply])
          const { outcomes, calls } = await trial.attempt(id, inputs)
          expectArrived(vendor.arrived, [exchange.request])
          expect(outcomes.map(stateOf)).toEqual(wanted ?? inputs.map(() => "delivered"))
          expect(calls).toBe(1)
        }
      })
    }

    test("other ways to prove who is asking are sent as the vendor wants them", async () => {
      for (const way of cases.ways ?? []) {
        const other = await makeTrial(way.connection(vendor.url), valuesAt(way.secrets, vendor.url), way.token)
        vendor.script(way.exchange.map(({ reply }) => reply))
        const { outcomes } = await other.attempt(way.action, [way.input])
        expectArrived(
          vendor.arrived,
          way.exchange.map(({ request }) => request),
        )
        expect(outcomes[0], way.name).toMatchObject({ kind: "delivered" })
        await other.close()
      }
    })

    test("its test is a call that tells good from bad", async () => {
      if (cases.test === undefined) return
      const { request, reply, says } = cases.test
      vendor.script([reply])
      const good = await Effect.runPromise(testConnection(trial))
      expectArrived(vendor.arrived, [request])
      expect(good.outcome).toMatchObject({ kind: "delivered" })
      expect(good.says).toMatch(says ?? /./)
      vendor.script([replyOf(cases.answers!.authFailed)])
      const bad = await Effect.runPromise(testConnection(trial))
      expect(bad.outcome.kind).not.toBe("delivered")
    })

    test("its lists are live choices", async () => {
      for (const [id, { request, reply, items }] of Object.entries(cases.lists ?? {})) {
        vendor.script([reply])
        const found = await Effect.runPromise(listChoices(trial, id))
        expectArrived(vendor.arrived.slice(0, 1), [request])
        expect(Result.getOrThrow(found)).toEqual(items)
      }
    })
  })
}
