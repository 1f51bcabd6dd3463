/**
 * Imports a file of the user's so that it is read from the disk, with all of the user's that it imports, however often that was done
 * before. Node keeps each module by its address and never forgets one: each load has addresses of its own, by a mark that the modules
 * of a load hand on to what they import (docs/decisions/0015). CommonJS and JSON have a cache by name, which is emptied of them. What
 * comes from `node_modules`, and what is ours, is imported once.
 */
import { realpathSync } from "node:fs"
import { createRequire, registerHooks } from "node:module"
import { fileURLToPath, pathToFileURL } from "node:url"

const mark = "meshes-load"

interface Load {
  /** The user's files that were asked for, whether or not they could be loaded. */
  readonly files: Set<string>
}

const loads = new Map<string, Load>()
let loaded = 0

/** @param file absolute. @param files is given each file that it imports, also when the load fails */
export const importAnew = async (file: string, files: Set<string>): Promise<unknown> => {
  if (loaded === 0) registerHooks({ resolve })
  const load = `${++loaded}`
  for (const known of required()) delete requireCache[known]
  loads.set(load, { files })
  try {
    return await import(marked(pathToFileURL(real(file)).href, load))
  } finally {
    for (const known of required()) files.add(known)
    // What its functions import later is marked all the same, and watched by nobody.
    loads.delete(load)
  }
}

const requireCache = createRequire(import.meta.url).cache
/** The user's files that were required. */
const required = () => Object.keys(requireCache).filter((known) => isUsers(pathToFileURL(known).href))
const packages = "/node_modules/"
/** The sources, or what was built of them. */
const ours = ["src/", "connectors/"].map((folder) => new URL(`../../${folder}`, import.meta.url).href)

const resolve: NonNullable<Parameters<typeof registerHooks>[0]["resolve"]> = (specifier, context, next) => {
  const parent = context.parentURL?.includes(mark) === true ? new URL(context.parentURL) : undefined
  const load = parent?.searchParams.get(mark)
  if (parent === undefined || load === undefined || load === null) return next(specifier, context)
  const files = loads.get(load)?.files
  const path = /^(?:\.{0,2}\/|file:)/.test(specifier) ? fileURLToPath(new URL(specifier, parent)) : undefined
  // Also one that is not there, and may come.
  if (path !== undefined) files?.add(path)
  const found = next(path === undefined ? specifier : pathToFileURL(real(path)).href, context)
  if (!isUsers(found.url)) return found
  files?.add(fileURLToPath(found.url))
  return { ...found, url: marked(found.url, load) }
}

/** Where links lead now: Node remembers for ever where they once led. */
const real = (path: string): string => {
  try {
    return realpathSync(path)
  } catch {
    return path
  }
}

const isUsers = (url: string): boolean =>
  url.startsWith("file:") && !url.includes(packages) && !ours.some((folder) => url.startsWith(folder))

const marked = (url: string, load: string): string => {
  const address = new URL(url)
  address.searchParams.set(mark, load)
  return address.href
}
