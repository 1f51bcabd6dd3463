/**
 * The page's address, each part of it decoded once and whole. The router decodes it once more before its parameters are, and steps of a path but
 * in part: `%41` in a filter would be read as `A`, and of an id `a:b` its `%3A` would be asked for.
 */
import { useState, type ReactNode } from "react"
import { Router, useRouter, type Parser, type RouterObject } from "wouter"

/** What the router's own decoding leaves as it is. */
const kept = (text: string): string => text.replaceAll("%", "%25")

/** A step of a path; as it is, if it is no encoding of anything. */
export const decoded = (step: string): string => {
  try {
    return decodeURIComponent(step)
  } catch {
    return step
  }
}

const optionsOf = ({ hook, searchHook, parser }: RouterObject) => ({
  hook: () => {
    const [path, navigate] = hook()
    return [kept(path), navigate] as const satisfies ReturnType<typeof hook>
  },
  searchHook: () => kept(searchHook()),
  parser: ((route, loose) => {
    const { pattern, keys } = parser(route, loose)
    const exec = (path: string) => pattern.exec(path)?.map(decoded) ?? null
    return { ...(keys === undefined ? {} : { keys }), pattern: { exec } }
  }) as Parser,
})

export const Address = ({ children }: { readonly children: ReactNode }) => {
  const router = useRouter()
  const [options] = useState(() => optionsOf(router))
  return <Router {...options}>{children}</Router>
}
