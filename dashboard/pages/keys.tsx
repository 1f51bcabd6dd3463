/**
 * API keys: made, listed, revoked.
 */
import { Page } from "../parts/page.tsx"

export const KeysPage = () => <Page title="Keys" />
