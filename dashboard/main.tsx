/**
 * Puts the page together: by itself, or in a frame of another site.
 */
import { QueryClientProvider } from "@tanstack/react-query"
import { lazy, StrictMode, Suspense } from "react"
import { createRoot } from "react-dom/client"
import { App } from "./app.tsx"
import { makeQueries } from "./api/use.ts"
import { Toasts } from "./parts/toast.tsx"
import "./style/tokens.css"
import "./style/base.css"
import "./style/parts.css"
import "./style/layout.css"

const Embed = lazy(async () => ({ default: (await import("./embed.tsx")).Embed }))

createRoot(document.getElementById("app")!).render(
  <StrictMode>
    <QueryClientProvider client={makeQueries()}>
      <Toasts>
        {location.pathname === "/embed" ? (
          <Suspense>
            <Embed />
          </Suspense>
        ) : (
          <App />
        )}
      </Toasts>
    </QueryClientProvider>
  </StrictMode>,
)
