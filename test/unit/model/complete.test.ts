/**
 * What an action says becomes a whole request: with the base URL, the credentials and the body as the vendor wants them.
 */
import { describe, expect, test } from "vitest"
import type { Auth, ConnectorDefinition } from "../../../src/index.ts"
import { completeRequest, expand, path, UnfitInput, waysGiven } from "../../../src/model/complete.ts"

const connectorWith = (auth: ReadonlyArray<Auth>, more: Partial<ConnectorDefinition> = {}): ConnectorDefinition =>
  ({ name: "crm", baseUrl: "https://api.crm.example/v1/", auth, ...more }) as ConnectorDefinition

const get = { method: "GET", path: "/things" } as const

describe("credentials", () => {
  const completed = (auth: ReadonlyArray<Auth>, settings: object, token?: string) =>
    completeRequest(get, {
      connector: connectorWith(auth),
      settings,
      ...(token === undefined ? {} : { token: { accessToken: token, kept: {} } }),
    })

  test("are put where the vendor looks for them", () => {
    const key = { kind: "apiKey", setting: "key", name: "X-Key" } as const
    expect(completed([{ kind: "bearer", setting: "key" }], { key: "k" }).headers).toEqual({
      accept: "application/json",
      authorization: "Bearer k",
    })
    expect(completed([{ ...key, in: "header", prefix: "Token " }], { key: "k" }).headers["x-key"]).toBe("Token k")
    expect(completed([{ ...key, in: "query" }], { key: "k&l" }).url).toBe(
      "https://api.crm.example/v1/things?X-Key=k%26l",
    )
    expect(
      completed([{ kind: "basic", username: "key", password: { always: "" } }], { key: "k" }).headers["authorization"],
    ).toBe(`Basic ${btoa("k:")}`)
  })

  test("are those of the first way whose settings are all there", () => {
    const ways: ReadonlyArray<Auth> = [
      { kind: "basic", username: "user", password: "password" },
      { kind: "bearer", setting: "token" },
    ]
    expect(completed(ways, { user: "u", token: "t" }).headers["authorization"]).toBe("Bearer t")
  })

  test("of OAuth are the token that is in force", () => {
    const oauth = {
      kind: "oauth2",
      grant: "authorization_code",
      tokenUrl: "",
      scopes: [],
      clientId: "",
      clientSecret: "",
    }
    expect(completed([oauth as Auth], { auth: {} }, "at").headers["authorization"]).toBe("Bearer at")
  })

  test("of one of several grants are those of the grant that is named, else of the first", () => {
    const oauth = { kind: "oauth2", tokenUrl: "", scopes: [], clientId: "", clientSecret: "" } as const
    const person: Auth = { ...oauth, grant: "authorization_code" }
    const app: Auth = { ...oauth, grant: "client_credentials" }
    const connector = connectorWith([person, app])
    expect(waysGiven(connector, { auth: {} })).toEqual([person])
    expect(waysGiven(connector, { auth: { grant: "client_credentials" } })).toEqual([app])
    expect(waysGiven(connectorWith([app]), { auth: {} })).toEqual([app])
    expect(waysGiven(connectorWith([app]), { auth: { grant: "authorization_code" } })).toEqual([])
    expect(waysGiven(connector, {})).toEqual([])
  })

  test("are left out of a call that wants none, and of a whole request", () => {
    const connector = connectorWith([{ kind: "bearer", setting: "key" }])
    expect(completeRequest({ ...get, auth: false }, { connector, settings: { key: "k" } }).headers).toEqual({
      accept: "application/json",
    })
    const whole = { method: "GET", url: "https://other.example", headers: {} }
    expect(completeRequest(whole, { connector, settings: { key: "k" } })).toBe(whole)
  })
})

test("a connection's own base URL goes before the connector's, and before another of the request", () => {
  const connector = connectorWith([], {
    baseUrl: (settings, token) => `https://${settings.region}.${token?.kept["host"]}`,
  })
  const about = { connector, settings: { region: "eu" }, token: { accessToken: "", kept: { host: "crm.example" } } }
  expect(completeRequest(get, about).url).toBe("https://eu.crm.example/things")
  expect(completeRequest({ ...get, base: "https://track.example" }, about).url).toBe("https://track.example/things")
  expect(completeRequest({ ...get, base: "https://track.example" }, { ...about, baseUrl: "http://mock:1" }).url).toBe(
    "http://mock:1/things",
  )
})

test("a body is JSON, a form, or what it is; a query leaves out what is not there", () => {
  const about = { connector: connectorWith([]), settings: {} }
  const post = { method: "POST", path: "/things" } as const
  expect(completeRequest({ ...post, json: { a: 1 }, headers: { accept: "text/csv" } }, about)).toMatchObject({
    headers: { accept: "text/csv", "content-type": "application/json" },
    body: '{"a":1}',
  })
  expect(completeRequest({ ...post, form: { a: "1&2" } }, about)).toMatchObject({
    headers: { "content-type": "application/x-www-form-urlencoded" },
    body: "a=1%262",
  })
  expect(completeRequest({ ...get, query: { a: ["1", "2"], b: undefined, c: true } }, about).url).toMatch(
    /\?a=1&a=2&c=true$/,
  )
})

test("what stands in a path is one step of it, whatever it holds", () => {
  expect(path`/lists/${"a/b c"}/members/${7}`).toBe("/lists/a%2Fb%20c/members/7")
  for (const nothing of ["", ".", ".."]) expect(() => path`/lists/${nothing}`).toThrow(UnfitInput)
})

test("a template takes fields into the path and the query, and the rest into the body", () => {
  const input = { list: "a/b", notify: true, email: "ada@example.com", name: "Ada" }
  expect(expand({ method: "POST", path: "/lists/{list}/members", query: ["notify"], wrap: "member" }, input)).toEqual({
    method: "POST",
    path: "/lists/a%2Fb/members",
    query: { notify: true },
    json: { member: { email: "ada@example.com", name: "Ada" } },
  })
  expect(expand({ method: "DELETE", path: "/lists/{list}" }, input)).not.toHaveProperty("json")
  expect(() => expand({ method: "GET", path: "/lists/{lost}" }, input)).toThrow(UnfitInput)
})
