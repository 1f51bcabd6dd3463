/**
 * One connection: how it is, and what can be done about it.
 */
import { Page } from "../parts/page.tsx"

export const ConnectionPage = () => <Page title="Connection" />
