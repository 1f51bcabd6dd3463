import { expect, test } from "vitest"
import { completeRequest } from "../../src/model/complete.ts"
import { mailchimp } from "./index.ts"

const { connector } = mailchimp({})
const hostOf = (settings: object) =>
  new URL(completeRequest({ method: "GET", path: "/" }, { connector, settings }).url).host

test("a key names the server, and without one the connection does", () => {
  expect(hostOf({ apiKey: "0123-us19" })).toBe("us19.api.mailchimp.com")
  expect(hostOf({ auth: {}, server: "us7" })).toBe("us7.api.mailchimp.com")
})

test("a key that names no server is told, and never decides where requests go", () => {
  for (const apiKey of ["0123456789", "0123-evil.example/", "0123-", "us19"]) {
    expect(connector.checkResolved!({ apiKey })).toEqual([
      { path: ["apiKey"], message: expect.stringMatching(/-us19/) },
    ])
    expect(hostOf({ apiKey })).toMatch(/^[a-z0-9]+\.api\.mailchimp\.com$/)
  }
  expect(connector.checkResolved!({ apiKey: "0123-us19" })).toEqual([])
})
