/**
 * What an event would do: which rules match, why others do not, the exact requests.
 */
import { Page } from "../parts/page.tsx"

export const ExplainPage = () => <Page title="Explain" />
