/**
 * Who did what, in a workspace and in the installation.
 */
import { Page } from "../parts/page.tsx"

export const WorkspaceAuditPage = () => <Page title="Audit" />
export const InstallationAuditPage = () => <Page title="Audit of the installation" />
