/**
 * The connectors that come with Meshes: `import { webhook } from "meshes/connectors"`. How to write one: README.md beside this file.
 */
export { console } from "./console/index.ts"
export { http } from "./http/index.ts"
export { hubspot } from "./hubspot/index.ts"
export { intercom } from "./intercom/index.ts"
export { mailchimp } from "./mailchimp/index.ts"
export { nats } from "./nats/index.ts"
export { salesforce } from "./salesforce/index.ts"
export { slack } from "./slack/index.ts"
export { webhook } from "./webhook/index.ts"
