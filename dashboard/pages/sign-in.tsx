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

export const SignIn = () => {
  const [key, setKey] = useState("")
  const [link, setLink] = useState(linkInAddress)
  const askAgain = useAskAgain()
  const signIn = useAct("POST /api/v1/sign-in")
  const enter = (body: { readonly key: string } | { readonly link: string }) => {
    signIn.mutate({ body }, { onSuccess: askAgain })
  }
  useEffect(() => {
    document.title = "Sign in · Meshes"
    // It is good once: nobody is to find it in the address afterwards.
    if (link !== undefined) history.replaceState(null, "", location.pathname)
  }, [link])
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
              {signIn.error !== null && <Failed problem={problemOf(signIn.error)} />}
              <Button kind="primary" disabled={signIn.isPending} onClick={() => enter({ link })}>
                {signIn.isPending ? "Signing in…" : "Sign in"}
              </Button>
              <Button kind="quiet" onClick={() => setLink(undefined)}>
                Use a key instead
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
