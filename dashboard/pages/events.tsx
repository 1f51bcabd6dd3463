/**
 * What happened in a workspace, and what became of it.
 */
import { Page } from "../parts/page.tsx"

export const EventsPage = () => <Page title="Events" />
