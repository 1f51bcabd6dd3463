/**
 * When files of a config count as changed.
 */
import { mkdtemp, rename, rm, symlink, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, expect, test } from "vitest"
import { WatchedFiles } from "../../../src/config/watched-files.ts"

let folder: string
let watched: WatchedFiles
const at = (name: string): string => join(folder, name)

/** Two looks: what changed is believed when it stays. */
const looks = async (): Promise<boolean> => {
  await watched.changed()
  return watched.changed()
}

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "meshes-watched-"))
  watched = new WatchedFiles()
  await writeFile(at("one"), "1")
  await watched.end(new Set([at("one"), at("not there")]), true)
})

afterEach(() => rm(folder, { recursive: true }))

test("nothing changed as long as nothing did", async () => {
  expect(await looks()).toBe(false)
})

test("a change counts when it has stayed for a look, and no more once the file is read", async () => {
  await watched.changed()
  await writeFile(at("one"), "22")
  expect(await watched.changed()).toBe(false)
  expect(await watched.changed()).toBe(true)
  await watched.begin()
  await watched.end(new Set([at("one")]), true)
  expect(await looks()).toBe(false)
})

test("a file that comes, goes, or is another by way of its link has changed", async () => {
  await writeFile(at("not there"), "")
  expect(await looks()).toBe(true)
  await watched.begin()
  await watched.end(new Set([at("one")]), true)
  await rm(at("one"))
  expect(await looks()).toBe(true)
  await writeFile(at("first"), "1")
  await writeFile(at("second"), "1")
  await symlink("first", at("one"))
  await watched.begin()
  await watched.end(new Set([at("one")]), true)
  await symlink("second", at("next"))
  await rename(at("next"), at("one"))
  expect(await looks()).toBe(true)
})

test("after a load that failed, what the one before had read is watched as well", async () => {
  await writeFile(at("two"), "2")
  await watched.begin()
  await watched.end(new Set([at("two")]), false)
  await writeFile(at("one"), "changed")
  expect(await looks()).toBe(true)
})

test("what is written while a load reads counts for the next look", async () => {
  await watched.begin()
  await writeFile(at("one"), "while it reads")
  await watched.end(new Set([at("one")]), true)
  expect(await looks()).toBe(true)
})
