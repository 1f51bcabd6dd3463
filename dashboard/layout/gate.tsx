/**
 * Lets in whom the server knows: asked once, and again when it no longer does. Others are asked to sign in.
 */
import { useQuery, useQueryClient } from "@tanstack/react-query"
import { Fragment, useEffect, type ReactNode } from "react"
import { call, onSignedOut, type Problem } from "../api/call.ts"
import { calm, untilThere } from "../api/use.ts"
import { SignIn, useLink } from "../pages/sign-in.tsx"
import { Answered } from "../parts/states.tsx"
import { MeContext, type Me } from "../session.tsx"

const meKey = ["me"] as const

const idOf = ({ kind, name }: Me): string => `${kind} ${name}`

/** @param unknown what whoever is not known sees; default: where to sign in */
export const Gate = ({ unknown, children }: { readonly unknown?: ReactNode; readonly children: ReactNode }) => {
  const queries = useQueryClient()
  const [link, dropLink] = useLink()
  // That nobody is known is an answer, which stays while it is asked for again: an error would not, nor what is written in the form below.
  const me = useQuery<Me | null, Problem>({
    queryKey: meKey,
    queryFn: async ({ signal }) => {
      const now = await call("GET /api/v1/me", {}, signal).catch((cause: Problem) => {
        if (cause.status === 401) return null
        throw cause
      })
      const before = queries.getQueryData<Me | null>(meKey)
      // Who signs in in another tab is signed in here too: what was shown to one is not the other's.
      if (before != null && now !== null && idOf(before) !== idOf(now))
        queries.removeQueries({ predicate: ({ queryKey }) => queryKey[0] !== meKey[0] })
      return now
    },
    // What one may do changes too, by a config that is applied.
    refetchInterval: ({ state }) => (state.data == null ? untilThere(state.data) : calm),
    refetchOnWindowFocus: "always",
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
  if (me.data === null) return unknown ?? <SignIn key={link} link={link} dropLink={dropLink} />
  if (me.data !== undefined && link !== undefined)
    return <SignIn key={link} link={link} dropLink={dropLink} as={me.data.name} />
  if (me.data !== undefined)
    return (
      <MeContext value={me.data}>
        <Fragment key={idOf(me.data)}>{children}</Fragment>
      </MeContext>
    )
  return (
    <main className="alone">
      <Answered answer={me}>{() => null}</Answered>
    </main>
  )
}
