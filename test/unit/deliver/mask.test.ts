import { expect, test } from "vitest"
import { masked, maskedText } from "../../../src/deliver/mask.ts"
import { secret } from "../../../src/index.ts"

test("a secret is taken out of the address, the message and the answer that are kept", () => {
  const settings = { url: secret("URL"), headers: { "x-token": secret("TOKEN") } }
  const resolved = { url: "https://hooks.example/T000/abcdef", headers: { "x-token": "t0ken-value" } }
  const outcome = masked(
    {
      kind: "rejected",
      message: "400 from https://hooks.example/T000/abcdef",
      request: { method: "POST", url: "https://hooks.example/T000/abcdef?x=1", bytes: 1 },
      response: "bad token t0ken-value",
    },
    settings,
    resolved,
  )
  expect(outcome).toEqual({
    kind: "rejected",
    message: "400 from ***",
    request: { method: "POST", url: "***?x=1", bytes: 1 },
    response: "bad token ***",
  })
})

test("what holds no secret is kept as it is", () => {
  const outcome = {
    kind: "delivered",
    message: "200",
    request: { method: "POST", url: "https://x/y", bytes: 1 },
  } as const
  expect(masked(outcome, { url: "https://x/y" }, { url: "https://x/y" })).toBe(outcome)
})

test("a secret is found in JSON, in a form and in Basic credentials, and before anything is cut off", () => {
  const settings = { password: secret("PASSWORD") }
  const resolved = { password: 'pa"ss wörd\n2' }
  const masks = (text: string) => maskedText(text, settings, resolved)
  expect(masks(JSON.stringify({ got: resolved.password }))).toBe('{"got":"***"}')
  expect(masks(`p=${encodeURIComponent(resolved.password)}`)).toBe("p=***")
  for (const user of ["a", "ab", "abc", "abcd"]) {
    const basic = Buffer.from(`${user}:${resolved.password}:x`).toString("base64")
    expect(masks(`Basic ${basic}`)).toMatch(/^Basic [^*]{0,8}\*\*\*[^*]{0,6}$/)
  }
})
