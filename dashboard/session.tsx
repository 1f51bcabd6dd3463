/**
 * Who is asking, and what they may do.
 */
import { useQueryClient } from "@tanstack/react-query"
import { createContext, useContext } from "react"
import type { CallOutput } from "./api/contract.ts"

export type Me = CallOutput<"GET /api/v1/me">
type Scope = Me["scopes"][number]

export const MeContext = createContext<Me | undefined>(undefined)

export const useMe = (): Me => useContext(MeContext)!

/** Whether whoever is asking may do such things. What they see is the server's to decide; this only hides what it would refuse. */
export const useMay = (scope: Scope): boolean => {
  const { scopes } = useMe()
  return scopes.includes(scope) || scopes.includes("admin")
}

/** Whether one is shown only what is about one resource: what is counted of all, and what is done to all, is refused. */
export const useBound = (): boolean => {
  const { resource, resource_id } = useMe()
  return resource !== undefined || resource_id !== undefined
}

/** Whether they may hold rules against past events: these are of every resource, so not whoever is bound to one. */
export const useMayBacktest = (): boolean => {
  const bound = useBound()
  return useMay("operate") && !bound
}

/** Asks again who is asking: after somebody has signed in or out. */
export const useAskAgain = (): (() => void) => {
  const queries = useQueryClient()
  return () => void queries.resetQueries()
}
