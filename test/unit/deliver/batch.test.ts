/**
 * How deliveries of a batch become calls, and what an answer means for each of them.
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { expect, test, vi } from "vitest"
import type { ConnectionPlan } from "../../../src/config/plan.ts"
import { sendBatch } from "../../../src/deliver/batch.ts"
import type { Exchanged } from "../../../src/deliver/exchange.ts"
import type { BatchAction, HttpRequest, Outcome } from "../../../src/index.ts"

interface Input {
  readonly id: string
  readonly list?: string
}

const action = (more: Partial<BatchAction<unknown, Input>["batch"]> = {}): BatchAction<unknown, Input> => ({
  title: "",
  input: Schema.Unknown as never,
  batch: {
    max: 4,
    together: ({ list = "" }) => list,
    apart: ({ id }) => id,
    request: (items) => ({
      method: "POST",
      url: "https://x/batch",
      headers: {},
      body: items.map(({ input }) => input.id).join(" "),
    }),
    ...more,
  },
})

const send = async (
  batch: BatchAction<unknown, Input>,
  inputs: ReadonlyArray<Input | Outcome | undefined>,
  answer: (ids: ReadonlyArray<string>) => Outcome,
  context: object = {},
) => {
  const calls: Array<string> = []
  const connection = { connection: { connector: {} }, batch: { waitMs: 1 } } as unknown as ConnectionPlan
  const exchange = ({ request }: { readonly request: (token: undefined) => HttpRequest }) =>
    Effect.sync((): Exchanged => {
      const made = request(undefined)
      calls.push(String(made.body))
      const response = { status: 200, headers: {}, body: "{}" }
      return { outcome: answer(String(made.body).split(" ")), response, request: made }
    })
  const prepared = inputs.map((one) =>
    one === undefined || "id" in one
      ? Result.succeed({ action: batch, input: one, context: context as never })
      : Result.fail(one),
  )
  const attempted = await Effect.runPromise(sendBatch(batch, prepared, { connection, settings: {}, exchange }))
  expect(attempted.calls).toBe(calls.length)
  return { calls, call: attempted.call, kinds: attempted.outcomes.map(({ kind }) => kind) }
}

const fine: Outcome = { kind: "delivered", message: "HTTP 200" }
const refused: Outcome = { kind: "rejected", message: "HTTP 400" }
const ids = (...all: ReadonlyArray<string>): ReadonlyArray<Input> => all.map((id) => ({ id }))

test("no call has more than the vendor takes, nor two changes of one record, nor what does not belong together", async () => {
  const { calls } = await send(action(), ids("a", "b", "c", "d", "e"), () => fine)
  expect(calls).toEqual(["a b c d", "e"])
  expect((await send(action(), ids("a", "b", "a", "c", "a"), () => fine)).calls).toEqual(["a b c", "a", "a"])
  const mixed = [
    { id: "a", list: "1" },
    { id: "b", list: "2" },
    { id: "c", list: "1" },
  ]
  expect((await send(action(), mixed, () => fine)).calls).toEqual(["a c", "b"])
})

test("no call has more bytes than the vendor takes", async () => {
  const big = "x".repeat(60)
  const { calls } = await send(action({ maxBytes: 160 }), ids(`${big}1`, `${big}2`, `${big}3`), () => fine)
  expect(calls.map((call) => call.split(" ").length)).toEqual([2, 1])
})

test("a destination that will never take anything again is not asked in halves", async () => {
  const { calls, call } = await send(action(), ids("a", "b", "c"), () => ({ ...refused, gone: true }))
  expect([calls.length, call.gone]).toEqual([1, true])
})

test("events that go without a mapping are counted by their own bytes", async () => {
  const whole: BatchAction<unknown, Input> = {
    title: "",
    input: Schema.Unknown as never,
    batch: {
      max: 10,
      maxBytes: 200,
      request: (items) => ({ method: "POST", url: "https://x/batch", headers: {}, body: String(items.length) }),
    },
  }
  const envelope = Buffer.alloc(90)
  const { calls } = await send(whole, [undefined, undefined, undefined], () => fine, { envelope })
  expect(calls).toEqual(["2", "1"])
})

test("what could not be made into an input keeps its outcome, and is no part of a call", async () => {
  const wrong: Outcome = { kind: "mapping_error", message: "no email" }
  const { calls, kinds } = await send(action(), [{ id: "a" }, wrong, { id: "b" }], () => fine)
  expect([calls, kinds]).toEqual([["a b"], ["delivered", "mapping_error", "delivered"]])
})

test("a call that is refused as a whole is made again in halves, so that one bad input spoils no others", async () => {
  const { calls, kinds, call } = await send(action(), ids("a", "bad", "c", "d"), (sent) =>
    sent.includes("bad") ? refused : fine,
  )
  expect(kinds).toEqual(["delivered", "rejected", "delivered", "delivered"])
  expect(calls).toEqual(["a bad c d", "a bad", "a", "bad", "c d"])
  expect(call.kind).toBe("delivered")
})

test("what the answer says of each is what becomes of it, and the connection is well", async () => {
  const each = action({ outcomes: (_, items) => items.map(({ input }) => (input.id === "bad" ? refused : fine)) })
  const { kinds, call, calls } = await send(each, ids("a", "bad", "c"), () => refused)
  expect([kinds, call.kind, calls.length]).toEqual([["delivered", "rejected", "delivered"], "delivered", 1])
})

test("a vendor that is unwell is asked no more: the others are tried again with those that it failed", async () => {
  const unwell: Outcome = { kind: "server_error", message: "HTTP 503" }
  const { kinds, call, calls } = await send(action(), ids("a", "b", "c", "d", "e", "f"), () => unwell)
  expect([calls.length, call.kind, new Set(kinds)]).toEqual([1, "server_error", new Set(["server_error"])])
})

test("an allowance that is used up between two calls of one attempt is waited for", async () => {
  vi.useFakeTimers()
  try {
    const sent: Array<number> = []
    const sending = send(action(), ids("a", "b", "c", "d", "e"), (call) => {
      sent.push(call.length)
      return { ...fine, holdMs: 5000 }
    })
    await vi.advanceTimersByTimeAsync(4999)
    expect(sent).toEqual([4])
    await vi.advanceTimersByTimeAsync(1)
    expect((await sending).kinds).toEqual(Array.from({ length: 5 }, () => "delivered"))
    expect(sent).toEqual([4, 1])
  } finally {
    vi.useRealTimers()
  }
})
