/**
 * What was given up, by connection and reason, and how to send it again.
 */
import { Page } from "../parts/page.tsx"

export const DeadLettersPage = () => <Page title="Dead letters" />
