/**
 * The connectors that come with Meshes: `import { webhook } from "meshes/connectors"`. How to write one: README.md beside this file.
 */
export { activecampaign } from "./activecampaign/index.ts"
export { aweber } from "./aweber/index.ts"
export { cloudevents } from "./cloudevents/index.ts"
export { console } from "./console/index.ts"
export { customerio } from "./customerio/index.ts"
export { discord } from "./discord/index.ts"
export { github } from "./github/index.ts"
export { http } from "./http/index.ts"
export { hubspot } from "./hubspot/index.ts"
export { mailerlite } from "./mailerlite/index.ts"
export { nats } from "./nats/index.ts"
export { s3 } from "./s3/index.ts"
export { slack } from "./slack/index.ts"
export { teams } from "./teams/index.ts"
export { webhook } from "./webhook/index.ts"
