import { expect, test } from "vitest"
import { maskedText } from "../../../src/deliver/mask.ts"
import { secret } from "../../../src/index.ts"

test("a secret is taken out of an address and an answer, and what an attempt was made with as well", () => {
  const settings = { url: secret("URL"), headers: { "x-token": secret("TOKEN") } }
  const resolved = { url: "https://hooks.example/T000/abcdef", headers: { "x-token": "t0ken-value" } }
  expect(maskedText("400 from https://hooks.example/T000/abcdef?x=1", settings, resolved)).toBe("400 from ***?x=1")
  expect(maskedText("bad token t0ken-value", settings, resolved)).toBe("bad token ***")
  expect(maskedText("Bearer ya29-access", settings, resolved, ["ya29-access"])).toBe("Bearer ***")
})

test("what holds no secret is kept as it is", () => {
  expect(maskedText("https://x/y", { url: "https://x/y" }, { url: "https://x/y" })).toBe("https://x/y")
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
