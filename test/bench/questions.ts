/**
 * The three questions of whoever is asked "what happened to this event?", over a long history: `npm run bench:questions`, or with how many
 * deliveries: `node test/bench/questions.ts 1000000`. A real runtime projects a history that is written into its log, and each question is
 * asked by one command and by one call. What is answered is held against what was written.
 */
import { jetstream } from "@nats-io/jetstream"
import { connect } from "@nats-io/transport-node"
import { subjects } from "../../src/log/topology.ts"
import { encodeDelivery, type Delivery } from "../../src/model/delivery.ts"
import type { DeliveryAttempted, EventRouted, HistoryRecord } from "../../src/model/record.ts"
import { startDestination } from "../support/destination.ts"
import { startNats } from "../support/nats.ts"
import { madePast, type PastMessage } from "../support/past.ts"
import { adminKey, startRuntime } from "../support/runtime.ts"
import { writeHistory } from "../support/write-history.ts"

const [deliveries = 1_000_000] = process.argv.slice(2).map(Number)
const day = 86_400_000
const today = Date.now() - (Date.now() % day)
const [workspace, connection] = ["workspace-0", "connection-0"]
const say = (line: string): void => void process.stdout.write(`${line}\n`)
const must = (holds: boolean, what: string): void => {
  if (!holds) throw new Error(what)
}

await using nats = await startNats({ syncAlways: false })
await using destination = await startDestination()
const rules = Array.from({ length: 5 }, (_, i) => `rule-${i}-0`)
await using runtime = await startRuntime({
  natsUrl: nats.url,
  env: { MESHES_LOG_LEVEL: "warn" },
  config: `export default defineConfig({ workspaces: { "${workspace}": {
    connections: { "${connection}": webhook({ url: "${destination.url}", allowPrivateNetwork: true }) },
    rules: { ${rules.map((rule) => `"${rule}": { on: "never.published", actions: [{ connection: "${connection}" }] }`).join(", ")} },
  } } } as any)`,
})

/** The last attempts of what died, and when their deliveries were made. */
const dead = new Map<string, DeliveryAttempted>()
const created = new Map<string, number>()
let records = 0
let example = ""

const note = (one: HistoryRecord): void => {
  records++
  if (one.kind === "delivery.attempted" && one.workspace === workspace && one.connection === connection) {
    if (one.state === "dead") dead.set(one.delivery, one)
    else dead.delete(one.delivery)
  }
  if (one.kind === "delivery.revived") dead.delete(one.delivery)
  if (one.kind === "event.routed" && one.workspace === workspace) {
    const [delivery] = (one satisfies EventRouted).deliveries
    if (delivery?.connection === connection) created.set(delivery.id, one.at)
  }
}
function* noted(messages: Iterable<PastMessage>): Generator<PastMessage> {
  for (const message of messages) {
    for (const one of JSON.parse(Buffer.from(message.data).toString()) as ReadonlyArray<HistoryRecord>) note(one)
    yield message
  }
}

const timed = async <A>(run: () => Promise<A>): Promise<readonly [A, string]> => {
  const began = performance.now()
  const got = await run()
  return [got, `${Math.round(performance.now() - began)} ms`]
}
const call = async (path: string, body?: unknown): Promise<any> => {
  const response = await fetch(`${runtime.http()}/api/v1/workspaces/${workspace}/${path}`, {
    headers: { authorization: `Bearer ${adminKey}`, "content-type": "application/json" },
    ...(body === undefined ? {} : { method: "POST", body: JSON.stringify(body) }),
  })
  if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`)
  return response.json()
}
const meshes = async (...args: ReadonlyArray<string>) => {
  const finished = await runtime.meshes(...args)
  must(finished.status === 0, `meshes ${args.join(" ")}: ${finished.stderr}`)
  return finished
}

// One in fifty events makes no delivery.
const past = madePast({ events: Math.ceil(deliveries / 0.98), workspaces: 100, from: today - 7 * day, to: today })
const began = performance.now()
await writeHistory(nats.url, noted(past))
say(`${records} records of ${deliveries} deliveries written in ${Math.round((performance.now() - began) / 1000)} s`)

const letters = [...dead.values()]
const nc = await connect({ servers: nats.url })
await Promise.all(
  letters.map(({ delivery, event, type, rule, action, attempt, message, at, status }) => {
    const letter: Delivery = {
      ...{ id: delivery, event, type, workspace, rule, action, connection, revision: "rev1" },
      ...{ created: created.get(delivery)!, state: "dead", attempt },
      last: { kind: "server_error", message: message ?? "", at, ...(status === undefined ? {} : { status }) },
    }
    const envelope = { id: event, type, workspace, time: new Date(at).toISOString(), payload: { made: true } }
    const data = encodeDelivery(letter, Buffer.from(JSON.stringify(envelope)))
    return jetstream(nc).publish(subjects.dead(workspace, connection, delivery), data)
  }),
)
await nc.close()
example = letters.findLast(({ delivery }) => created.get(delivery)! < today)!.event

for (let last = letters.at(-1)!.delivery; ; await new Promise((next) => setTimeout(next, 500))) {
  if (
    await call(`deliveries/${last}`).then(
      (one) => one.status === "failed",
      () => false,
    )
  )
    break
}
const projectedMs = performance.now() - began
say(
  `written and projected beside it: ${Math.round(records / (projectedMs / 1000))} records/s over ${Math.round(projectedMs / 1000)} s`,
)

const failed = letters.filter(({ delivery }) => created.get(delivery)! >= today - day).map(({ delivery }) => delivery)
const filter = ["-w", workspace, "--connection", connection, "--since", "yesterday", "--until", "today"]

say(`\n1. Which deliveries of ${workspace} to ${connection} failed yesterday, and why? (${failed.length})`)
const [listed, listedIn] = await timed(() =>
  meshes("deliveries", "ls", ...filter, "--status", "failed", "--limit", "10000"),
)
const lines = listed.stdout.trim().split("\n")
must(lines.length === failed.length, `${lines.length} lines`)
say(`meshes deliveries ls … --status failed: ${lines.length} lines in ${listedIn}, the last:\n${lines.at(-1)}`)
const range = `from=${new Date(today - day).toISOString()}&to=${new Date(today).toISOString()}`
const [page, pageIn] = await timed(() => call(`deliveries?connection=${connection}&status=failed&${range}&limit=200`))
must(
  page.records.every(({ id }: any) => failed.includes(id)),
  "others are listed",
)
say(`GET …/deliveries?connection=…&status=failed&from=…&to=…: ${page.count} of them in ${pageIn}`)

say(`\n2. What happened to ${example}?`)
const [shown, shownIn] = await timed(() => meshes("events", "show", example))
say(`meshes events show: ${shownIn}\n${shown.stdout.trim()}`)
const [one, oneIn] = await timed(() => call(`events/${example}`))
must(one.status === "failed" && one.deliveries.length === 1, JSON.stringify(one))
say(`GET …/events/${example}: ${oneIn}`)

const oldest = letters[0]!.delivery
say(`\n3. Retry one of a week ago: ${oldest}`)
const [answer, answerIn] = await timed(() => call(`deliveries/${oldest}/retry`, {}))
must(answer.result === "done", JSON.stringify(answer))
say(`POST …/deliveries/${oldest}/retry: ${answerIn}, ${answer.message}`)
await destination.until((received) => received.length >= 1)

say("\n4. Retry all of yesterday's.")
const [preview, previewIn] = await timed(() => meshes("dead", "retry", ...filter, "--dry-run"))
say(`meshes dead retry … --dry-run: ${previewIn}\n${(preview.stdout + preview.stderr).trim()}`)
const [retried, retriedIn] = await timed(() => meshes("dead", "retry", ...filter))
say(`meshes dead retry …: ${retriedIn}\n${(retried.stdout + retried.stderr).trim()}`)
await destination.until((received) => received.length >= failed.length + 1)
const sent = destination.received.slice(1).map(({ headers }) => String(headers["webhook-id"]))
must(new Set(sent).size === failed.length && sent.every((id) => failed.includes(id)), "other deliveries were sent")
say(`${sent.length} requests, ${new Set(sent).size} distinct deliveries: exactly those that had failed`)
const [other, otherIn] = await timed(() =>
  call("operations", {
    action: "retry",
    filter: { connection, status: ["failed"], to: new Date(today).toISOString() },
  }),
)
say(`POST …/operations for the days before: ${otherIn}, ${JSON.stringify(other).slice(0, 200)}`)
await destination.until((received) => received.length >= letters.length)
must(new Set(destination.received.map(({ headers }) => headers["webhook-id"])).size === letters.length, "not once each")
say(`all ${letters.length} dead letters of the week were delivered, each once`)
