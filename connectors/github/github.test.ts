import { expect, test } from "vitest"
import { secret } from "../../src/index.ts"
import { judged } from "../../test/support/action.ts"
import { github } from "./index.ts"

const connection = github({ token: secret("T"), repository: "acme/shop" })
const { lists, auth } = connection.connector

test("a list goes on while GitHub links to a next page", () => {
  const { next } = lists!["repositories"]!
  const asked = { method: "GET", path: "/user/repos" } as const
  const link =
    '<https://api.github.com/user/repos?page=3&per_page=100>; rel="next", <https://api.github.com/user/repos?page=9>; rel="last"'
  expect(next!({ status: 200, headers: { link }, body: "[]", json: [] }, {}, asked)).toMatchObject({
    query: { page: 3 },
  })
  const last = '<https://api.github.com/user/repos?page=1>; rel="prev"'
  expect(next!({ status: 200, headers: { link: last }, body: "[]", json: [] }, {}, asked)).toBeUndefined()
})

test("issues that are switched off in one repository do not end the connection", () => {
  expect(judged(connection, { status: 410, headers: {}, body: "{}" })).toMatchObject({ permanent: true, gone: false })
})

test("nothing is sent while nothing is left of the hour's requests", () => {
  const reset = String(Math.ceil(Date.now() / 1000) + 600)
  const headers = { "x-ratelimit-remaining": "0", "x-ratelimit-reset": reset }
  const { kind, holdMs } = judged(connection, { status: 204, headers, body: "" })
  expect([kind, holdMs! > 590_000]).toEqual(["delivered", true])
})

test("GitHub refuses an app with status 200", () => {
  const oauth = auth!.find((one) => one.kind === "oauth2")!
  expect(oauth.refusedIn!({ error: "bad_verification_code", error_description: "The code is wrong." })).toBe(
    "The code is wrong.",
  )
  expect(oauth.refusedIn!({ access_token: "gho_1" })).toBeUndefined()
})
