/**
 * What to deliver once more, or to try on the past: seen before anything is sent.
 */
import { Page } from "../parts/page.tsx"

export const NewReplayPage = () => <Page title="New replay" />
