/**
 * What a new key may do, where, and until when.
 */
import { useState, type FormEvent } from "react"
import { scopes, type Scope } from "../../src/model/key.ts"
import type { CallInput, CallOutput } from "../api/contract.ts"
import { useAct } from "../api/use.ts"
import { Button } from "../parts/button.tsx"
import { CheckField } from "../parts/check.tsx"
import { ChoiceField, TextField } from "../parts/field.tsx"
import { Failed } from "../parts/states.tsx"
import { useMe } from "../session.tsx"

type Body = NonNullable<CallInput<"POST /api/v1/keys">["body"]>

const hints: { readonly [S in Scope]: string } = {
  publish: "send events",
  read: "see events, deliveries and connections, without what events hold; sign in here",
  "payload:read": "see what events hold",
  operate: "retry, cancel, replay, pause and resume",
  admin: "all of that, keys and secrets",
}

const listed = (text: string): ReadonlyArray<string> | undefined => {
  const all = text.split(/[\s,]+/).filter((one) => one !== "")
  return all.length === 0 ? undefined : all
}

const day = 86_400_000
const terms = [
  ["", "Never"],
  ["7", "In 7 days"],
  ["30", "In 30 days"],
  ["90", "In 90 days"],
  ["365", "In a year"],
] as const

export const NewKey = ({
  onCreated,
  onCancel,
}: {
  readonly onCreated: (key: CallOutput<"POST /api/v1/keys">) => void
  readonly onCancel: () => void
}) => {
  const me = useMe()
  const create = useAct("POST /api/v1/keys")
  const [name, setName] = useState("")
  const [publishable, setPublishable] = useState(false)
  const [chosen, setChosen] = useState<Partial<Record<Scope, boolean>>>({ read: true })
  const [workspaces, setWorkspaces] = useState("")
  const [origins, setOrigins] = useState("")
  const [types, setTypes] = useState("")
  const [days, setDays] = useState("")
  const submit = (event: FormEvent) => {
    event.preventDefault()
    const inWorkspaces = listed(workspaces)
    const allowedOrigins = publishable ? listed(origins) : undefined
    const eventTypes = publishable ? listed(types) : undefined
    const body: Body = {
      name: name.trim(),
      ...(publishable ? { publishable } : { scopes: scopes.filter((scope) => chosen[scope] === true) }),
      ...(inWorkspaces && { workspaces: inWorkspaces }),
      ...(allowedOrigins && { allowed_origins: allowedOrigins }),
      ...(eventTypes && { event_types: eventTypes }),
      ...(days !== "" && { expires_at: new Date(Date.now() + Number(days) * day).toISOString() }),
    }
    // Told though this form was closed meanwhile: what is made is shown only now.
    void create.mutateAsync({ body }).then(onCreated, () => {})
  }
  const none = !publishable && scopes.every((scope) => chosen[scope] !== true)
  return (
    <form className="stack" onSubmit={submit}>
      <TextField
        label="Name"
        value={name}
        onChange={setName}
        required
        hint="Whose it is, for people and the audit: letters, digits, - and _."
      />
      <ChoiceField
        label="For"
        value={publishable ? "page" : "program"}
        onChange={(value) => setPublishable(value === "page")}
        choices={[
          ["program", "a program or a person, who keeps it secret"],
          ["page", "pages in browsers, where anybody can see it (publishable)"],
        ]}
      />
      {publishable ? (
        <>
          <TextField
            label="Origins"
            value={origins}
            onChange={setOrigins}
            placeholder="https://shop.example.com"
            hint="Of pages that may publish with it, with commas between them; * for all. Empty: no page may."
          />
          <TextField
            label="Event types"
            value={types}
            onChange={setTypes}
            placeholder="page.viewed, order.*"
            hint="That it may publish. Empty: all."
          />
        </>
      ) : (
        <fieldset className="choices">
          <legend className="field-label">It may</legend>
          {scopes.map((scope) => (
            <CheckField
              key={scope}
              label={scope}
              hint={hints[scope]}
              checked={chosen[scope] === true}
              onChange={(is) => setChosen({ ...chosen, [scope]: is })}
            />
          ))}
        </fieldset>
      )}
      <TextField
        label="Workspaces"
        value={workspaces}
        onChange={setWorkspaces}
        placeholder={me.workspaces?.join(", ") ?? "acme, globex"}
        hint={`With commas between them. Empty: ${me.workspaces === undefined ? "all" : "all that you see"}.`}
      />
      <ChoiceField label="Expires" value={days} onChange={setDays} choices={terms} />
      {create.error !== null && <Failed problem={create.error} />}
      <div className="dialog-acts">
        <Button onClick={onCancel}>Cancel</Button>
        <Button kind="primary" type="submit" disabled={create.isPending || name.trim() === "" || none}>
          {create.isPending ? "Creating…" : "Create the key"}
        </Button>
      </div>
    </form>
  )
}
