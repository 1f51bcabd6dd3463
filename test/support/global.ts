/**
 * Before any test: makes sure, once, that there is a nats-server, so that test files which start one do not fetch it side by side.
 */
import { natsServerPath } from "./nats.ts"

export const setup = async (): Promise<void> => {
  console.error(`tests use ${await natsServerPath()}`)
}
