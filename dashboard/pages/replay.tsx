/**
 * One replay: how far it has come.
 */
import { Page } from "../parts/page.tsx"

export const ReplayPage = () => <Page title="Replay" />
