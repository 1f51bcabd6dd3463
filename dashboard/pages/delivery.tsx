/**
 * One delivery: where it is in its life, and each attempt.
 */
import { Page } from "../parts/page.tsx"

export const DeliveryPage = () => <Page title="Delivery" />
