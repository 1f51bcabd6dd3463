/**
 * A workspace's connections, and how they are.
 */
import { Page } from "../parts/page.tsx"

export const ConnectionsPage = () => <Page title="Connections" />
