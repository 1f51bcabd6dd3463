/**
 * The workspaces that one may see.
 */
import { Page } from "../parts/page.tsx"

export const WorkspacesPage = () => <Page title="Workspaces" />
