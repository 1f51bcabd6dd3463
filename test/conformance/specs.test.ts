/**
 * What the connectors send, as their cases hold it, is held against the vendors' API descriptions by something that is not ours.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { join, relative } from "node:path"
import { fileURLToPath } from "node:url"
import { Ajv } from "ajv"
import formats from "ajv-formats"
import { describe, expect, test } from "vitest"
import * as connectors from "../../connectors/index.ts"
import { webhook } from "../../connectors/webhook/index.ts"
import { contextOf } from "../support/action.ts"
import type { ConnectorCases, Expected } from "./cases.ts"
import { startPrism, type Judged, type Prism } from "./prism.ts"
import { described, elsewhere, specsFolder } from "./specs.ts"

interface Sent extends Expected {
  /** The action, list or way that sends it. */
  readonly by: string
}

const hasCases = (name: string): boolean =>
  name in connectors && existsSync(fileURLToPath(new URL(`../../connectors/${name}/cases.ts`, import.meta.url)))

const sentBy = async (name: string): Promise<ReadonlyArray<Sent>> => {
  const { cases } = (await import(`../../connectors/${name}/cases.ts`)) as { readonly cases: ConnectorCases }
  const { actions, test, lists = {}, ways = [] } = cases
  return [
    ...Object.entries(actions).flatMap(([by, { exchange, batches = [] }]) => [
      ...exchange.map(({ request }) => ({ by, ...request })),
      ...batches.map(({ exchange: { request } }) => ({ by: `${by}, several in one call`, ...request })),
    ]),
    ...(test === undefined ? [] : [{ by: "the connection's test", ...test.request }]),
    ...Object.entries(lists).map(([list, { request }]) => ({ by: `the list ${list}`, ...request })),
    ...ways.flatMap(({ name: way, exchange }) => exchange.map(({ request }) => ({ by: `${way}`, ...request }))),
  ]
}

/** The request without one field of its body, for each field. */
const spoiled = (sent: Sent): ReadonlyArray<Sent> => {
  const { body } = sent
  if (typeof body !== "object" || body === null || Array.isArray(body)) return []
  return Object.keys(body).map((field) => ({
    ...sent,
    body: Object.fromEntries(Object.entries(body).filter(([name]) => name !== field)),
  }))
}

/** A Prism takes seconds of a processor's time to start: so many at once. */
const prismsMax = 2
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

const lineOf = ({ by, method, path }: Sent, { says }: Judged): string => `${by}: ${method} ${path}\n${says}`

describe.skipIf(!existsSync(specsFolder))("against the API descriptions in ../shared/specs", () => {
  describe.concurrent("by Prism", () => {
    for (const [name, { files, base, unknown = [] }] of Object.entries(described)) {
      if (!hasCases(name)) continue

      test(`what ${name} sends fits, and would not without a field that must be there`, async () => {
        let left = (await sentBy(name)).map((sent) => ({
          ...sent,
          path: base === undefined ? sent.path : sent.path.replace(base, ""),
        }))
        const wrong: Array<string> = []
        for (const file of files) {
          await withPrism(file, async (prism) => {
            const strange: typeof left = []
            let refused = false
            let judgedAny = false
            for (const sent of left) {
              const judged = await prism.judge(sent)
              if (judged.kind === "unknown") {
                strange.push(sent)
                continue
              }
              judgedAny = true
              if (judged.kind === "refused") {
                wrong.push(lineOf(sent, judged))
                continue
              }
              for (const one of refused ? [] : spoiled(sent)) refused ||= (await prism.judge(one)).kind === "refused"
            }
            if (judgedAny && !refused) wrong.push(`${file} refuses nothing, whatever is left out`)
            if (!judgedAny) wrong.push(`${file} knows no request of ${name}`)
            left = strange
          })
        }
        const excuseOf = ({ method, path }: Sent) => unknown.find(({ request }) => request.test(`${method} ${path}`))
        wrong.push(
          ...left
            .filter((sent) => excuseOf(sent) === undefined)
            .map(
              ({ by, method, path }) => `${by}: ${method} ${path}\nis in no description, and specs.ts does not say why`,
            ),
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
        .flatMap(({ body }) => (typeof body === "string" ? (JSON.parse(body) as unknown) : body))
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
