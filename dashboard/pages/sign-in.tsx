/**
 * Where whoever is not known signs in: with a key, or by the link that was made for them.
 */
import { useEffect, useState, type FormEvent } from "react"
import { Problem } from "../api/call.ts"
import { useAct } from "../api/use.ts"
import { Button } from "../parts/button.tsx"
import { TextField } from "../parts/field.tsx"
import { Failed } from "../parts/states.tsx"
import { useAskAgain } from "../session.tsx"
import icon from "../icon.svg"

/** A one-time link carries its secret behind the `#`, which no server's log sees. */
const linkInAddress = (): string | undefined => new URLSearchParams(location.hash.slice(1)).get("link") ?? undefined

/** The link that the page was opened by, also when it was open already; and how to leave it unused. */
export const useLink = (): readonly [link: string | undefined, drop: () => void] => {
  const [link, setLink] = useState(linkInAddress)
  useEffect(() => {
    const take = () => {
      const found = linkInAddress()
      if (found === undefined) return
      setLink(found)
      // It is good once: nobody is to find it in the address afterwards.
      history.replaceState(null, "", location.pathname)
    }
    take()
    window.addEventListener("hashchange", take)
    return () => window.removeEventListener("hashchange", take)
  }, [])
  return [link, () => setLink(undefined)]
}

/** @param as who is signed in already, and need not be somebody else */
export const SignIn = ({
  link,
  dropLink,
  as,
}: {
  readonly link: string | undefined
  readonly dropLink: () => void
  readonly as?: string
}) => {
  const [key, setKey] = useState("")
  const askAgain = useAskAgain()
  const signIn = useAct("POST /api/v1/sign-in")
  const enter = (body: { readonly key: string } | { readonly link: string }) => {
    const onSuccess = () => {
      dropLink()
      askAgain()
    }
    signIn.mutate({ body }, { onSuccess })
  }
  useEffect(() => {
    document.title = "Sign in · Meshes"
  }, [])
  const submit = (event: FormEvent) => {
    event.preventDefault()
    enter({ key: key.trim() })
  }
  return (
    <main className="alone">
      <div className="card">
        <div className="card-body">
          <div className="brand">
            <img src={icon} alt="" />
            Meshes
          </div>
          {link === undefined ? (
            <form className="stack" onSubmit={submit}>
              <h1>Sign in</h1>
              <TextField
                label="Key"
                type="password"
                autoComplete="current-password"
                value={key}
                onChange={setKey}
                required
                autoFocus
                hint={
                  <>
                    A key with the scope <code>read</code>, such as <code>meshes keys create me --scope read</code>{" "}
                    makes, or the installation's <code>MESHES_ADMIN_KEY</code>. You see what the key may see.
                  </>
                }
              />
              {signIn.error !== null && <Failed problem={problemOf(signIn.error)} />}
              <Button kind="primary" type="submit" disabled={signIn.isPending || key.trim() === ""}>
                {signIn.isPending ? "Signing in…" : "Sign in"}
              </Button>
            </form>
          ) : (
            <div className="stack">
              <h1>Sign in by your link</h1>
              <p>The link is good once, and for a few minutes.</p>
              {as !== undefined && (
                <p>
                  You are signed in as <strong>{as}</strong>: by the link you are whoever it was made for, in every tab.
                </p>
              )}
              {signIn.error !== null && <Failed problem={problemOf(signIn.error)} />}
              <Button kind="primary" disabled={signIn.isPending} onClick={() => enter({ link })}>
                {signIn.isPending ? "Signing in…" : "Sign in"}
              </Button>
              <Button kind="quiet" onClick={dropLink}>
                {as === undefined ? "Use a key instead" : `Stay signed in as ${as}`}
              </Button>
            </div>
          )}
        </div>
      </div>
    </main>
  )
}

const unknown = new Problem(401, {
  title: "Not signed in",
  message: "This key or link is not known here, or not any more. A link is good once: ask for another.",
})

const problemOf = (problem: Problem): Problem => (problem.status === 401 ? unknown : problem)
