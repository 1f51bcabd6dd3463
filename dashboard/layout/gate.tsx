/**
 * Lets in whom the server knows: asked once, and again when it no longer does. Others are asked to sign in.
 */
import { useQuery, useQueryClient } from "@tanstack/react-query"
import { useEffect, type ReactNode } from "react"
import { call, onSignedOut, type Problem } from "../api/call.ts"
import { SignIn } from "../pages/sign-in.tsx"
import { Failed, Loading } from "../parts/states.tsx"
import { MeContext, type Me } from "../session.tsx"

const meKey = ["me"] as const

/** @param unknown what whoever is not known sees; default: where to sign in */
export const Gate = ({
  unknown = <SignIn />,
  children,
}: {
  readonly unknown?: ReactNode
  readonly children: ReactNode
}) => {
  const queries = useQueryClient()
  const me = useQuery<Me, Problem>({
    queryKey: meKey,
    queryFn: ({ signal }) => call("GET /api/v1/me", {}, signal),
    staleTime: Number.POSITIVE_INFINITY,
  })
  useEffect(() => onSignedOut(() => void queries.invalidateQueries({ queryKey: meKey })), [queries])
  if (me.error?.status === 401) return unknown
  if (me.data !== undefined) return <MeContext value={me.data}>{children}</MeContext>
  return <main className="alone">{me.error === null ? <Loading /> : <Failed problem={me.error} />}</main>
}
