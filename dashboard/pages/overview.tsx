/**
 * How all is: rates, what needs somebody, limits that are near.
 */
import { Page } from "../parts/page.tsx"

export const OverviewPage = () => <Page title="Overview" />
