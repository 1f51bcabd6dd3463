/**
 * Plans and accounts, and whether a config keeps to the limits of its own plans: what can be counted in a config is checked here, what
 * is used while the runtime runs by `accounts/admission.ts`.
 */
import type { EventType, WorkspaceId } from "../model/ids.ts"
import { isOwnType } from "../model/connection-state.ts"
import { roles } from "../model/role.ts"
import { matchesType } from "../model/type-pattern.ts"
import type { Checker, Path } from "./check-shape.ts"
import type { AccountPlan, Member, PlanLimits, WorkspacePlan } from "./plan.ts"

const numbers = [
  "eventsPerMonth",
  "workspaces",
  "connections",
  "rulesPerWorkspace",
  "rulesPerEventType",
  "auditRetentionDays",
  "members",
] as const satisfies ReadonlyArray<keyof PlanLimits>

export const checkPlans = (check: Checker, value: unknown): ReadonlyMap<string, PlanLimits> =>
  new Map(
    check.entries(value, ["plans"]).map(([name, plan]) => {
      const path = ["plans", name]
      const given = check.object(plan, path, [...numbers, "overage", "usage"])
      const limits: { -readonly [L in keyof PlanLimits]: PlanLimits[L] } = { overage: "reject", usage: "account" }
      for (const limit of numbers) {
        if (given?.[limit] === undefined) continue
        const number = check.number(given[limit], [...path, limit], { min: 0, max: Number.MAX_SAFE_INTEGER })
        if (number !== undefined) limits[limit] = number
      }
      const { overage, usage } = given ?? {}
      if (overage !== undefined)
        limits.overage = check.oneOf(overage, [...path, "overage"], ["reject", "allow"]) ?? "reject"
      if (usage !== undefined)
        limits.usage = check.oneOf(usage, [...path, "usage"], ["account", "workspace"]) ?? "account"
      return [name, limits]
    }),
  )

/** The accounts, still without their workspaces. */
export const checkAccounts = (
  check: Checker,
  value: unknown,
  plans: ReadonlyMap<string, PlanLimits>,
): ReadonlyMap<string, AccountPlan> =>
  new Map(
    check.entries(value, ["accounts"]).map(([id, account]) => {
      const path = ["accounts", id]
      const given = check.object(account, path, ["plan", "members"])
      const plan =
        given?.["plan"] === undefined
          ? undefined
          : check.reference(given["plan"], [...path, "plan"], "plan", [...plans.keys()])
      const listed = given?.["members"] === undefined ? [] : (check.list(given["members"], [...path, "members"]) ?? [])
      // Providers tell letters apart by their case so rarely that two such addresses are one person's.
      const members = new Map<string, Member>()
      for (const [index, one] of listed.entries()) {
        const at = [...path, "members", index]
        const member = checkMember(check, one, at)
        if (member === undefined) continue
        if (members.has(member.email.toLowerCase()))
          check.note([...at, "email"], `"${member.email}" is a member already: name each once`)
        members.set(member.email.toLowerCase(), member)
      }
      const limits = plan === undefined ? undefined : plans.get(plan)
      if (plan !== undefined && limits?.members !== undefined && listed.length > limits.members) {
        check.note([...path, "members"], tooMany(`${listed.length} members`, plan, "members", limits.members))
      }
      return [
        id,
        {
          id,
          members: [...members.values()],
          workspaces: [],
          ...(plan === undefined || limits === undefined ? {} : { plan, limits }),
        },
      ]
    }),
  )

const checkMember = (check: Checker, member: unknown, path: Path): Member | undefined => {
  const fields = check.object(member, path, ["email", "role"])
  if (fields === undefined) return undefined
  const email = check.text(fields["email"], [...path, "email"])
  if (email !== undefined && !/^[^\s@]+@[^\s@]+$/.test(email))
    check.note([...path, "email"], `"${email}" is not an e-mail address`)
  const role = check.oneOf(fields["role"], [...path, "role"], roles)
  return email === undefined || role === undefined ? undefined : { email, role }
}

/** Notes what exceeds the accounts' plans, and gives the accounts with their workspaces. */
export const checkPlanLimits = (
  check: Checker,
  accounts: ReadonlyMap<string, AccountPlan>,
  workspaces: ReadonlyMap<WorkspaceId, WorkspacePlan>,
): ReadonlyMap<string, AccountPlan> => {
  const byAccount = Map.groupBy(workspaces.values(), ({ account }) => account)
  const whole = new Map<string, AccountPlan>()
  for (const account of accounts.values()) {
    const own = byAccount.get(account.id) ?? []
    whole.set(account.id, { ...account, workspaces: own.map(({ id }) => id).toSorted() })
    const { plan, limits } = account
    if (plan === undefined || limits === undefined) continue
    const path = ["accounts", account.id]
    if (limits.workspaces !== undefined && own.length > limits.workspaces)
      check.note(path, tooMany(`${own.length} workspaces`, plan, "workspaces", limits.workspaces))
    const connections = own.reduce((sum, one) => sum + one.connections.size, 0)
    if (limits.connections !== undefined && connections > limits.connections) {
      check.note(path, tooMany(`${connections} connections in its workspaces`, plan, "connections", limits.connections))
    }
    for (const workspace of own) checkRules(check, workspace, plan, limits)
  }
  return whole
}

const checkRules = (check: Checker, { id, rules, eventTypes }: WorkspacePlan, plan: string, limits: PlanLimits) => {
  const path = ["workspaces", id, "rules"]
  const { rulesPerWorkspace, rulesPerEventType } = limits
  if (rulesPerWorkspace !== undefined && rules.length > rulesPerWorkspace)
    check.note(path, tooMany(`${rules.length} rules`, plan, "rulesPerWorkspace", rulesPerWorkspace))
  if (rulesPerEventType === undefined || rules.length <= rulesPerEventType) return
  const types = new Set<EventType>([...eventTypes.keys(), ...rules.flatMap(({ on }) => on.filter(isPlain))])
  for (const type of types) {
    const matching = rules.filter(({ on }) => on.some((pattern) => matchesType(pattern, type)))
    if (isOwnType(type) || matching.length <= rulesPerEventType) continue
    check.note(path, tooMany(`${matching.length} rules for "${type}"`, plan, "rulesPerEventType", rulesPerEventType))
  }
}

/** Not a pattern. */
const isPlain = (on: string): boolean => !/[*>]/.test(on)

const tooMany = (what: string, plan: string, limit: keyof PlanLimits, allowed: number): string =>
  `${what}, the plan "${plan}" allows ${allowed}: take some away, or raise plans.${plan}.${limit}`
