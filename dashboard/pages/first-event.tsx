/**
 * Where nothing has happened yet: how to publish a first event, into the reader's own workspace.
 */
import { useCall } from "../api/use.ts"
import { Code } from "../parts/code.tsx"
import { Card } from "../parts/page.tsx"

/** @param workspaces how many there are */
export const FirstEvent = ({ workspaces }: { readonly workspaces: number }) => {
  const found = useCall("GET /api/v1/workspaces", { query: { limit: "1" } }).data?.records[0]?.id
  const workspace = found ?? "demo"
  const types = useCall(
    "GET /api/v1/workspaces/:workspace/event-types",
    { params: { workspace } },
    { enabled: found !== undefined },
  )
  // One that takes any payload; so does one that nobody declared.
  const type = types.data?.records.find(({ checked }) => !checked)?.type ?? "hello.world"
  const payload = '{"name":"Ada"}'
  return (
    <Card title={workspaces === 0 ? "No workspace yet" : "Nothing has happened in this time"}>
      {workspaces === 0 && (
        <p>
          Declare one in <code>meshes.config.ts</code>: <code>meshes init</code> writes a first one, and{" "}
          <code>meshes dev</code> takes each change as soon as it is saved.
        </p>
      )}
      <p>Publish an event, and it is seen here at once, and in the workspace's events and deliveries:</p>
      <Code
        label="The command that publishes an event"
        value={`meshes publish ${type} --workspace ${workspace} --payload '${payload}'`}
      />
      <p>
        Or over HTTP, with a key that has the scope <code>publish</code>:
      </p>
      <Code
        label="The request that publishes an event"
        value={`curl ${location.origin}/api/v1/events -H "authorization: Bearer $MESHES_KEY" \\
  -d '{"workspace":"${workspace}","type":"${type}","payload":${payload}}' -H "content-type: application/json"`}
      />
    </Card>
  )
}
