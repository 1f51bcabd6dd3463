/**
 * The reference pages say what the connectors are.
 */
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { expect, test } from "vitest"
import { folder, pages } from "../../scripts/reference.ts"

test("docs/reference/connectors is what `npm run reference` makes", () => {
  const made = pages()
  expect(readdirSync(folder).toSorted()).toEqual([...made.keys()].toSorted())
  for (const [file, text] of made) expect(readFileSync(join(folder, file), "utf8"), file).toBe(text)
})
