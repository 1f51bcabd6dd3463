/**
 * Lets in whom the server knows: asked once, and again when it no longer does. Others are asked to sign in.
 */
import { useQuery, useQueryClient } from "@tanstack/react-query"
import { useEffect, type ReactNode } from "react"
import { call, onSignedOut, type Problem } from "../api/call.ts"
import { untilThere } from "../api/use.ts"
import { SignIn } from "../pages/sign-in.tsx"
import { Answered } from "../parts/states.tsx"
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
  // That nobody is known is an answer, which stays while it is asked for again: an error would not, nor what is written in the form below.
  const me = useQuery<Me | null, Problem>({
    queryKey: meKey,
    queryFn: ({ signal }) =>
      call("GET /api/v1/me", {}, signal).catch((cause: Problem) => {
        if (cause.status === 401) return null
        throw cause
      }),
    staleTime: Number.POSITIVE_INFINITY,
    refetchInterval: ({ state }) => untilThere(state.data),
  })
  useEffect(
    () =>
      onSignedOut(() => {
        const isKnown = queries.getQueryData(meKey) != null
        if (isKnown && queries.isFetching({ queryKey: meKey }) === 0)
          void queries.invalidateQueries({ queryKey: meKey })
      }),
    [queries],
  )
  if (me.data === null) return unknown
  if (me.data !== undefined) return <MeContext value={me.data}>{children}</MeContext>
  return (
    <main className="alone">
      <Answered answer={me}>{() => null}</Answered>
    </main>
  )
}
