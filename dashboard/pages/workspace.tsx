/**
 * One workspace: what it uses, how its connections are, what its rules do.
 */
import { Page } from "../parts/page.tsx"

export const WorkspacePage = () => <Page title="Workspace" />
