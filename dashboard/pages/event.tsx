/**
 * One event: what it holds, and what became of each delivery.
 */
import { Page } from "../parts/page.tsx"

export const EventPage = () => <Page title="Event" />
