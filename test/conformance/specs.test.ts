/**
 * What the connectors send, as their cases hold it, is held against the vendors' API descriptions by something that is not ours.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { join, relative } from "node:path"
import { Ajv } from "ajv"
import formats from "ajv-formats"
import { describe, expect, test } from "vitest"
import * as connectors from "../../connectors/index.ts"
import { webhook } from "../../connectors/webhook/index.ts"
import { contextOf } from "../support/action.ts"
import { startPrism, type Judged, type Prism } from "./prism.ts"
import { hasCases, sentBy, type Sent } from "./sent.ts"
import { described, elsewhere, specsFolder } from "./specs.ts"

/** The request with one field of its body, or of its query, left out or made nonsense, for each field. */
const spoiled = (sent: Sent): ReadonlyArray<Sent> => {
  const url = new URL(sent.path, "http://x")
  const queries = [...url.searchParams.keys()].flatMap((name) =>
    [undefined, "\u0000"].map((instead) => {
      const query = new URLSearchParams(url.searchParams)
      if (instead === undefined) query.delete(name)
      else query.set(name, instead)
      return { ...sent, path: `${url.pathname}?${query}` }
    }),
  )
  const body: unknown =
    /\bjson\b/.test(String(sent.headers["content-type"])) && sent.body !== "" ? JSON.parse(sent.body) : []
  if (typeof body !== "object" || body === null || Array.isArray(body)) return queries
  const bodies = Object.keys(body).flatMap((name) =>
    [undefined, [null]].map((instead) => ({ ...sent, body: JSON.stringify({ ...body, [name]: instead }) })),
  )
  return [...bodies, ...queries]
}

/** A Prism takes seconds of a processor's time to start: so many at once, and each test waits for its turn. */
const prismsMax = 2
const turnTimeoutMs = 300_000
const turns: Array<Promise<void>> = Array.from({ length: prismsMax }, () => Promise.resolve())

const withPrism = async (file: string, use: (prism: Prism) => Promise<void>): Promise<void> => {
  const before = turns.shift()!
  const turn = before.then(async () => {
    await using prism = await startPrism(join(specsFolder, file))
    await use(prism)
  })
  turns.push(turn.catch(() => {}))
  await turn
}

/** Which requests fit a description, which it refuses, and which it knows nothing of. */
const holdTo = async (prism: Prism, sent: ReadonlyArray<Sent>) => {
  const judged: Array<Sent & Judged> = []
  for (const one of sent) judged.push({ ...one, ...(await prism.judge(one)) })
  const of = (wanted: Judged["kind"]) => judged.filter(({ kind }) => kind === wanted)
  return { fitting: of("fits"), refused: of("refused"), unknown: of("unknown") }
}

/** Whether the check can fail: whether a request that was spoiled is refused. */
const refusesSpoiled = async (prism: Prism, sent: ReadonlyArray<Sent>): Promise<boolean> => {
  for (const one of sent.flatMap(spoiled)) if ((await prism.judge(one)).kind === "refused") return true
  return false
}

const lineOf = ({ by, method, path, says }: Sent & Pick<Judged, "says">): string => `${by}: ${method} ${path}\n${says}`

describe.skipIf(!existsSync(specsFolder))("against the API descriptions in ../shared/specs", () => {
  describe.concurrent("by Prism", () => {
    for (const [name, { files, base, accept, unknown = [], tooStrict = [] }] of Object.entries(described)) {
      if (!(name in connectors) || !hasCases(name)) continue

      test(`what ${name} sends fits, and spoiled it would not`, { timeout: turnTimeoutMs }, async () => {
        const wrong: Array<string> = []
        let left: ReadonlyArray<Sent> = (await sentBy(name)).map((sent) => ({
          ...sent,
          path: base === undefined ? sent.path : sent.path.replace(base, ""),
          headers: accept === undefined ? sent.headers : { ...sent.headers, accept },
        }))
        for (const file of files) {
          await withPrism(file, async (prism) => {
            const found = await holdTo(prism, left)
            const mistaken = found.refused.filter(({ says }) => !tooStrict.some((quirk) => quirk.says.test(says)))
            wrong.push(...mistaken.map((one) => `${file}: ${lineOf(one)}`))
            if (!(await refusesSpoiled(prism, found.fitting)))
              wrong.push(`${file}: nothing fits that would not if spoiled`)
            left = found.unknown
          })
        }
        const excuseOf = ({ method, path }: Sent) => unknown.find(({ request }) => request.test(`${method} ${path}`))
        wrong.push(
          ...left
            .filter((sent) => excuseOf(sent) === undefined)
            .map((sent) => lineOf({ ...sent, says: "is in no description, and specs.ts does not say why" })),
          ...unknown
            .filter((excuse) => !left.some((sent) => excuseOf(sent) === excuse))
            .map(({ request }) => `specs.ts: no request needs the excuse ${request}`),
        )
        expect(wrong.join("\n\n")).toBe("")
      })
    }
  })

  test("every description belongs to a connector, or it is said why not", () => {
    const files = readdirSync(specsFolder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && /\.(?:json|yaml)$/.test(entry.name))
      .map((entry) => relative(specsFolder, join(entry.parentPath, entry.name)))
    expect([...Object.values(described).flatMap((one) => one.files), ...Object.keys(elsewhere)].toSorted()).toEqual(
      files.toSorted(),
    )
  })

  test.skipIf(!hasCases("cloudevents"))(
    "CloudEvents in structured form fit the specification's JSON Schema",
    async () => {
      const ajv = new Ajv({ strict: false })
      formats.default(ajv)
      const fits = ajv.compile(
        JSON.parse(readFileSync(join(specsFolder, "cloudevents/cloudevents.json"), "utf8")) as object,
      )
      const events = (await sentBy("cloudevents"))
        .filter(({ headers }) => String(headers["content-type"]).startsWith("application/cloudevents"))
        .flatMap(({ body }) => JSON.parse(body) as unknown)
      expect(events.length).toBeGreaterThan(0)
      for (const event of events) {
        expect([fits(event), fits.errors]).toEqual([true, null])
        expect(fits({ ...(event as object), source: undefined })).toBe(false)
      }
    },
  )

  test("the webhook connector signs the specification's example as the specification does", () => {
    const vectors = JSON.parse(
      readFileSync(join(specsFolder, "standard-webhooks/vectors.json"), "utf8"),
    ) as ReadonlyArray<{ [name in "secret" | "id" | "payload" | "signature"]: string } & { timestamp: number }>
    const send = webhook({ url: "https://x" }).connector.actions["send"]!
    if (!("request" in send) || typeof send.request !== "function") throw new Error("the action makes no request")
    for (const { secret, id, timestamp, payload, signature } of vectors) {
      const { headers } = send.request(undefined, {
        ...contextOf({ url: "https://x", secret }, { id }),
        envelope: Buffer.from(payload),
        now: timestamp * 1000,
      })
      expect(headers).toMatchObject({ "webhook-id": id, "webhook-signature": signature })
    }
  })
})
