/**
 * A day at which an operator would look twice: the mail service refuses an address, billing is down with its circuit open, chat is paused, and
 * the plan's events are nearly used up. Also a replay that ran, and a key that somebody made.
 */
import { down, refused, type Estate } from "./estate.ts"

const leads = 70
const invoices = 100
const views = 170

export interface Today {
  /** An event with several deliveries, of which one died. */
  readonly event: string
  readonly dead: string
  readonly retrying: string
  readonly replay: string
}

export const makeToday = async ({ answers, ask, publish, until }: Estate): Promise<Today> => {
  const inAcme = "workspaces/acme"
  answers("mail", refused)
  answers("billing", down)
  await ask("POST", `${inAcme}/connections/chat/pause`, { reason: "The channel is being moved" })
  const many = (count: number, event: (n: number) => object) =>
    Array.from({ length: count }, (_, n) => ({ workspace: "acme", ...event(n) }))
  await publish([
    ...many(leads, (n) => ({
      ...{ type: "lead.created", resource: "lead", resource_id: `${n}` },
      payload: { name: `Lead ${n}`, email: `lead-${n}@example.com`, plan: n % 7 === 0 ? "pro" : "free" },
    })),
    ...many(invoices, (n) => ({
      ...{ type: "invoice.paid", resource: "invoice", resource_id: `${n}` },
      payload: { number: `2026-${n}`, amount: n % 10 === 0 ? 4_000 + n : 90 + n },
    })),
    ...many(views, (n) => ({
      ...{ type: "page.viewed", resource: "page", resource_id: `${n % 5}` },
      payload: { path: `/pricing/${n % 5}`, seconds: n },
    })),
  ])
  const of = (connection: string, status: string) => `${inAcme}/deliveries?connection=${connection}&status=${status}`
  const some = ({ records }: { readonly records: ReadonlyArray<unknown> }) => records.length > 0
  const { records: dead } = await until(of("mail", "failed"), some)
  const { records: retrying } = await until(of("billing", "retrying"), some)
  await until(of("archive", "completed"), some)
  await until(`${inAcme}/connections/billing`, ({ state }) => state === "open")
  const replay = await ask("POST", `${inAcme}/replays`, {
    ...{ from: new Date(Date.now() - 3_600_000).toISOString(), to: new Date().toISOString() },
    ...{ type: "invoice.paid", resource_id: "1" },
  })
  await ask("POST", "keys", { name: "support-desk", scopes: ["read", "operate"], workspaces: ["acme"] })
  return { event: dead[0].event, dead: dead[0].id, retrying: retrying[0].id, replay: replay.id }
}
