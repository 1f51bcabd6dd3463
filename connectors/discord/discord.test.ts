import { expect, test } from "vitest"
import { secret } from "../../src/index.ts"
import { judged, requestOf } from "../../test/support/action.ts"
import { discord } from "./index.ts"

const bot = discord({ token: secret("T"), channel: "C1" })
const settings = { token: "not-a-real-one", channel: "C1" }
const nonce = (delivery: object) =>
  JSON.parse(String(requestOf(bot, settings, { input: { content: "x" }, delivery }).body)).nonce

test("every attempt of a delivery has the same nonce, and no two deliveries have", () => {
  expect(nonce({ id: "dlv_1", attempt: 3 })).toBe(nonce({ id: "dlv_1", attempt: 1 }))
  expect(nonce({ id: "dlv_2" })).not.toBe(nonce({ id: "dlv_1" }))
})

test("a webhook that was removed will never take anything again", () => {
  const outcome = judged(bot, { status: 404, headers: {}, body: '{"message":"Unknown Webhook","code":10015}' })
  expect(outcome).toMatchObject({ kind: "rejected", permanent: true, gone: true })
  expect(judged(bot, { status: 404, headers: {}, body: '{"code":10003}' }).gone).toBeUndefined()
})

test("nothing is sent while nothing is left of the allowance", () => {
  const headers = { "x-ratelimit-remaining": "0", "x-ratelimit-reset-after": "1.2" }
  expect(judged(bot, { status: 200, headers, body: '{"id":"1"}' })).toMatchObject({ kind: "delivered", holdMs: 1200 })
})

test("a secret that is not a webhook's address is told before anything is sent", () => {
  const { checkResolved } = discord({ webhookUrl: secret("U") }).connector
  expect(checkResolved!({ webhookUrl: "https://discord.com/channels/1/2" })).toHaveLength(1)
  expect(checkResolved!({ webhookUrl: "https://discord.com/api/webhooks/1/a-B_c" })).toEqual([])
})
