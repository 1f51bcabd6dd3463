/**
 * What the fault tests route: a few workspaces with each kind of connection, as the config says it and as the oracle knows it.
 */

/** Whether connections may ask for order. One switch for all fault tests. */
export const orderingIsThere = true

/**
 * Nothing may die by accident: 50 attempts outlast every fault. An attempt that is stuck in a link is given up soon, and a destination
 * that was given up is soon tried again.
 */
export const patient = {
  retry: { attempts: 50, initial: "100 milli", factor: 1.5, max: "2 seconds" },
  circuit: { wait: "1 second", maxWait: "4 seconds" },
  timeout: "3 seconds",
  allowPrivateNetwork: true,
} as const

export type Ordering = "none" | "connection" | "account"

/** An event as a publisher makes it. Events of one account are published one after the other. */
export interface TestEvent {
  readonly id: string
  readonly workspace: string
  readonly type: string
  readonly account: string
  /** 0, 1, 2, … within the account. */
  readonly n: number
}

/** One rule with its one action. */
export interface Route {
  readonly workspace: string
  readonly rule: string
  readonly connection: string
  readonly ordering: Ordering
  readonly on: string | ReadonlyArray<string>
  readonly when?: string
  /** What `on` and `when` say, said again. */
  readonly wants: (event: TestEvent) => boolean
}

export const eventTypes = ["order.placed", "order.shipped", "invoice.paid"] as const

export const workspaceNames = (count: number): ReadonlyArray<string> => Array.from({ length: count }, (_, i) => `w${i}`)

const routesOf = (workspace: string): ReadonlyArray<Route> => [
  // Not ">": that would be the runtime's own events about connections as well, of which the oracle does not know.
  { workspace, rule: "all", connection: "plain", ordering: "none", on: ["order.>", "invoice.>"], wants: () => true },
  {
    workspace,
    rule: "orders",
    connection: "strict",
    ordering: "connection",
    on: "order.>",
    wants: ({ type }) => type.startsWith("order."),
  },
  {
    workspace,
    rule: "paid",
    connection: "keyed",
    ordering: "account",
    on: "invoice.paid",
    wants: ({ type }) => type === "invoice.paid",
  },
  {
    workspace,
    rule: "odd",
    connection: "keyed",
    ordering: "account",
    on: "order.*",
    when: "payload.n % 2 = 1",
    wants: ({ type, n }) => type.startsWith("order.") && n % 2 === 1,
  },
]

/** The routes of some workspaces; where ordering is not there, none asks for it. */
export const makeRoutes = (
  workspaces: ReadonlyArray<string>,
  ordering: boolean = orderingIsThere,
): ReadonlyArray<Route> =>
  workspaces.flatMap(routesOf).map((route) => (ordering ? route : { ...route, ordering: "none" as const }))

/** `<workspace>/<connection>`, also the path of its requests. */
export const connectionOf = ({ workspace, connection }: { readonly workspace: string; readonly connection: string }) =>
  `${workspace}/${connection}`

/** What a destination is sent: it names the rule, which no header does. */
export interface SentBody {
  readonly rule: string
  readonly account: string
  readonly n: number
}

/** @param urlOf where a connection's requests go, without their path */
export const configOf = (routes: ReadonlyArray<Route>, urlOf: (connection: string) => string): string => {
  const workspaces = Object.groupBy(routes, ({ workspace }) => workspace)
  const connectionsOf = (those: ReadonlyArray<Route>) =>
    those.map((route) => {
      const settings = {
        url: `${urlOf(connectionOf(route))}/${connectionOf(route)}`,
        ...patient,
        ...orderingOf(route.ordering),
      }
      return `${route.connection}: webhook(${JSON.stringify(settings)})`
    })
  const ruleOf = ({ rule, on, when, connection }: Route) => {
    const map = { rule: `"${rule}"`, account: "payload.account", n: "payload.n" }
    const action = { connection, map }
    return `${rule}: ${JSON.stringify({ on, ...(when === undefined ? {} : { when: { expression: when } }), actions: [action] })}`
  }
  const sections = Object.entries(workspaces).map(
    ([name, those]) => `${name}: {
      connections: { ${[...new Set(connectionsOf(those!))].join(", ")} },
      rules: { ${those!.map(ruleOf).join(", ")} } }`,
  )
  return `export default defineConfig({ workspaces: { ${sections.join(", ")} } })`
}

const orderingOf = (ordering: Ordering) =>
  ordering === "none" ? {} : { ordering: ordering === "connection" ? "connection" : { key: "payload.account" } }
