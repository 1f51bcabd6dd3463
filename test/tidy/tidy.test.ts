/**
 * The sources themselves, held to the rules that `src/README.md` states.
 */
import { readdirSync, readFileSync } from "node:fs"
import { dirname, join, relative, resolve } from "node:path"
import { fileURLToPath } from "node:url"
import { expect, test } from "vitest"

const root = fileURLToPath(new URL("../..", import.meta.url))

const filesIn = (folder: string): ReadonlyArray<string> =>
  readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.tsx?$/.test(entry.name))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)))

const sources = [...filesIn("src"), ...filesIn("client")]
/** The dashboard. */
const page = filesIn("dashboard")
const connectors = filesIn("connectors").filter((file) => !/(?:\.test|\/cases)\.ts$/.test(file))
const textOf = (file: string): string => readFileSync(join(root, file), "utf8")

/** What a file imports, types included; relative ones as paths from the root. */
const importsOf = (file: string): ReadonlyArray<string> =>
  [...textOf(file).matchAll(/^(?:import|export)[^"']*? from "([^"]+)"|^import "([^"]+)"|import\("([^"]+)"\)/gm)].map(
    (match) => {
      const name = (match[1] ?? match[2] ?? match[3])!
      return name.startsWith(".") ? relative(root, resolve(root, dirname(file), name)) : name
    },
  )

const layerOf = (file: string): string => /^src\/([^/]+)\//.exec(file)?.[1] ?? file

/** Whom each folder may import from, beside itself. */
const allowed: { readonly [folder: string]: ReadonlyArray<string> } = {
  model: [],
  config: ["model"],
  observe: ["config", "model"],
  log: ["config", "model", "observe"],
  transform: ["config", "model"],
  accounts: ["config", "model", "observe", "log"],
  secrets: ["config", "model", "observe", "log", "accounts"],
  history: ["config", "model", "observe", "log"],
  ingest: ["config", "model", "observe", "log", "accounts", "secrets", "history"],
  route: ["config", "model", "observe", "log", "transform", "accounts"],
  deliver: ["config", "model", "observe", "log", "secrets", "transform"],
  explain: ["config", "model", "transform", "route", "deliver"],
  operate: ["config", "model", "observe", "log", "history", "replay"],
  replay: ["config", "model", "observe", "log", "transform", "route", "deliver", "history"],
}

test("a folder imports only from the folders before it in the life of an event", () => {
  const wrong = sources.flatMap((file) => {
    const layer = layerOf(file)
    const may = allowed[layer]
    if (may === undefined) return []
    return importsOf(file)
      .filter((name) => name.startsWith("src/") && layerOf(name) !== layer && !may.includes(layerOf(name)))
      .map((name) => `${file} imports ${name}`)
  })
  expect(wrong).toEqual([])
})

test("NATS is known in log alone, XState in deliver, JSONata in transform", () => {
  const home: ReadonlyArray<readonly [RegExp, string]> = [
    [/^@nats-io\//, "log"],
    [/^xstate/, "deliver"],
    [/^jsonata/, "transform"],
  ]
  const wrong = sources.flatMap((file) =>
    importsOf(file)
      .filter((name) => home.some(([pattern, folder]) => pattern.test(name) && layerOf(file) !== folder))
      .map((name) => `${file} imports ${name}`),
  )
  expect(wrong).toEqual([])
})

test("a connector imports the public barrel, effect, Node, its own files and a library of its own, and nothing else", () => {
  const own: { readonly [connector: string]: ReadonlyArray<string> } = { s3: ["aws4"] }
  const wrong = connectors.flatMap((file) =>
    importsOf(file)
      .filter(
        (name) =>
          name !== "src/index.ts" &&
          !name.startsWith("connectors/") &&
          !name.startsWith("effect/") &&
          !name.startsWith("node:") &&
          own[file.split("/")[1]!]?.includes(name) !== true,
      )
      .map((name) => `${file} imports ${name}`),
  )
  expect(wrong).toEqual([])
})

test("the client is its own files and those of ours that import nothing, so that it is right in browsers too", () => {
  const reached = new Set(["client/index.ts"])
  for (const file of reached) for (const name of importsOf(file)) reached.add(name)
  const foreign = [...reached].filter((name) => !name.startsWith("client/"))
  expect(foreign.toSorted()).toEqual(["src/config/declared-events.ts", "src/model/time-id.ts"])
})

test("the dashboard has of ours types, names of the model, and the machine that it draws", () => {
  const wrong = page.flatMap((file) =>
    [
      ...textOf(file).matchAll(
        /^(?:import|export) (?!type )[^"']*?from "((?:\.\.\/)+(?:src|client|connectors)\/[^"]+)"/gm,
      ),
    ]
      .map(([, name]) => name!.replace(/^(?:\.\.\/)+/, ""))
      .filter((name) => name !== "src/deliver/machine.ts" && !name.startsWith("src/model/"))
      .map((name) => `${file} imports ${name}`),
  )
  expect(wrong).toEqual([])
})

test("nothing imports the effect barrel, which costs half a second at start", () => {
  const wrong = [...sources, ...connectors].filter((file) => importsOf(file).includes("effect"))
  expect(wrong).toEqual([])
})

test("every file opens with what it is for", () => {
  const wrong = [
    ...sources,
    ...connectors,
    ...page,
    ...filesIn("test").filter((file) => !file.endsWith(".test.ts")),
    ...filesIn("scripts"),
  ].filter((file) => !/^(?:#![^\n]*\n)?\/\*\*\n \* \S/.test(textOf(file)))
  expect(wrong).toEqual([])
})

test("no file is named for being a heap of things", () => {
  const wrong = [...sources, ...connectors, ...page, ...filesIn("test")].filter((file) =>
    /(?:^|[/-])(?:utils?|common|misc|helpers?)(?:[./-]|$)/.test(file),
  )
  expect(wrong).toEqual([])
})

test("no file is longer than 400 lines", () => {
  const wrong = [...sources, ...connectors, ...page].filter((file) => textOf(file).split("\n").length > 400)
  expect(wrong).toEqual([])
})

test("every source is imported by another, or is where the package begins", () => {
  const entries = new Set([
    "src/index.ts",
    "src/cli/bin.ts",
    "src/explain/testing.ts",
    "client/index.ts",
    "connectors/index.ts",
  ])
  const imported = new Set([...sources, ...connectors, ...filesIn("test"), ...filesIn("scripts")].flatMap(importsOf))
  const dead = [...sources, ...connectors].filter((file) => !entries.has(file) && !imported.has(file))
  expect(dead).toEqual([])
})

test("every dependency is pinned to an exact version", () => {
  const { dependencies, devDependencies } = JSON.parse(textOf("package.json"))
  const loose = Object.entries({ ...dependencies, ...devDependencies }).filter(
    ([, version]) => !/^\d+\.\d+\.\d+(?:-[\w.]+)?$/.test(String(version)),
  )
  expect(loose).toEqual([])
})
