/**
 * Before any test: makes sure, once, that there is a nats-server and that the dashboard is built, so that test files which need them do not
 * fetch and build side by side.
 */
import { buildDashboardIfOlder } from "../../scripts/build-dashboard.ts"
import { natsServerPath } from "./nats.ts"

export const setup = async (): Promise<void> => {
  await buildDashboardIfOlder()
  console.error(`tests use ${await natsServerPath()}`)
}
