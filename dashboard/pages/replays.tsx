/**
 * Events of the log that were, or are being, delivered once more.
 */
import { Page } from "../parts/page.tsx"

export const ReplaysPage = () => <Page title="Replays" />
