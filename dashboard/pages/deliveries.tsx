/**
 * What was, is being and will be delivered.
 */
import { Page } from "../parts/page.tsx"

export const DeliveriesPage = () => <Page title="Deliveries" />
