/**
 * What an event would do: which rules want it, why others do not, and exactly what would be sent.
 */
import { useQuery } from "@tanstack/react-query"
import { useState } from "react"
import { call, type Problem } from "../api/call.ts"
import type { CallOutput } from "../api/contract.ts"
import { useCall } from "../api/use.ts"
import { Button } from "../parts/button.tsx"
import { ChoiceField, TextField } from "../parts/field.tsx"
import { useFilters } from "../parts/filters.tsx"
import { Card, Page, useWorkspace } from "../parts/page.tsx"
import { Failed, Loading } from "../parts/states.tsx"
import { useTell } from "../parts/toast.tsx"
import { useMay } from "../session.tsx"
import { Explained } from "./explained.tsx"

type EventWhole = CallOutput<"GET /api/v1/workspaces/:workspace/events/:event">
const explain = "POST /api/v1/workspaces/:workspace/explain"

const written = (event: object): string => JSON.stringify(event, undefined, 2)

/** As its publisher gave it. */
const givenOf = ({ id, type, resource, resource_id, time, source, payload }: EventWhole): string =>
  written({ id, type, resource, resource_id, time, source, payload: payload ?? {} })

const exampleOf = (type: string): string => written({ type, payload: {} })

const missing = {
  not_allowed: "What the event holds is not shown to you (payload:read): write a payload to try.",
  gone: "The log no longer has what the event holds: write a payload to try.",
} as const

export const ExplainPage = () => {
  const workspace = useWorkspace()
  const filters = useFilters(["event", "type"])
  const { event, type } = filters.values
  return (
    <Page title="Explain" lead="What an event would do, by the rules in force. It is neither stored nor sent.">
      {/* What was written for one event is not for another. */}
      <Form key={`${event} ${type}`} workspace={workspace} filters={filters} />
    </Page>
  )
}

const Form = ({
  workspace,
  filters,
}: {
  readonly workspace: string
  readonly filters: ReturnType<typeof useFilters>
}) => {
  const { event, type } = filters.values
  const types = useCall("GET /api/v1/workspaces/:workspace/event-types", { params: { workspace } })
  const stored = useCall(
    "GET /api/v1/workspaces/:workspace/events/:event",
    { params: { workspace, event: event ?? "" } },
    { enabled: event !== undefined, once: true },
  )
  const [draft, setDraft] = useState<string>()
  const [clicked, setClicked] = useState<string>()
  const loaded = stored.data === undefined ? undefined : givenOf(stored.data)
  const known = types.data?.records.map((one) => one.type) ?? []
  const example = type ?? known[0] ?? "order.created"
  const waits = event === undefined ? types.data === undefined && types.error === null : stored.isPending
  const text = draft ?? loaded ?? exampleOf(example)
  const asked = clicked ?? (stored.data?.payload === undefined ? undefined : loaded)
  const wrong = wrongWith(text)
  const answer = useQuery<CallOutput<typeof explain>, Problem>({
    queryKey: ["explain", workspace, asked],
    queryFn: ({ signal }) =>
      call(explain, { params: { workspace }, body: JSON.parse(asked!) as { type: string; payload: {} } }, signal),
    enabled: asked !== undefined,
    staleTime: Number.POSITIVE_INFINITY,
    retry: false,
  })
  const begin = (chosen: string) => {
    if (chosen === "") return
    filters.clear()
    filters.set("type", chosen)
  }
  if (waits) return <Loading />
  return (
    <>
      <Card title="The event">
        {stored.error !== null && <Failed problem={stored.error} />}
        {stored.data?.payload_missing !== undefined && (
          <div className="notice" data-tone="warn">
            {missing[stored.data.payload_missing]}
          </div>
        )}
        <div className="filters">
          <ChoiceField
            label="Begin with"
            value={event === undefined ? example : ""}
            onChange={begin}
            choices={[
              ...(event === undefined ? [] : [["", "the event of the address"] as const]),
              ...[...new Set([example, ...known])].map((one) => [one, one] as const),
            ]}
          />
          {event === undefined && (
            <Latest workspace={workspace} type={example} onFound={(id) => filters.set("event", id)} />
          )}
        </div>
        <TextField
          label="As for publishing, as JSON"
          value={text}
          onChange={setDraft}
          lines={14}
          error={wrong === undefined ? undefined : `This is no JSON: ${wrong}`}
        />
        <div className="row">
          <Button
            kind="primary"
            disabled={wrong !== undefined || answer.isFetching}
            onClick={() => (clicked === text ? void answer.refetch() : setClicked(text))}
          >
            {answer.isFetching ? "Explaining…" : "Explain"}
          </Button>
        </div>
      </Card>
      {answer.error !== null && <Failed problem={answer.error} />}
      {answer.data !== undefined && asked === text && <Explained workspace={workspace} explanation={answer.data} />}
    </>
  )
}

/** What has happened is the best example of what may. */
const Latest = ({
  workspace,
  type,
  onFound,
}: {
  readonly workspace: string
  readonly type: string
  readonly onFound: (event: string) => void
}) => {
  const mayLook = useMay("payload:read")
  const [none, setNone] = useState<string>()
  const tell = useTell()
  if (!mayLook) return null
  const find = () =>
    call("GET /api/v1/workspaces/:workspace/events", { params: { workspace }, query: { type, limit: "1" } }).then(
      ({ records }) => (records[0] === undefined ? setNone(type) : onFound(records[0].id)),
      tell.failed,
    )
  return (
    <div className="row">
      <Button onClick={() => void find()}>
        {none === type ? "None was stored yet: look again" : "The latest one stored"}
      </Button>
    </div>
  )
}

const wrongWith = (text: string): string | undefined => {
  try {
    JSON.parse(text)
    return undefined
  } catch (cause) {
    return (cause as Error).message
  }
}
