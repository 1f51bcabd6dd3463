/**
 * How the page is built: into `dist/dashboard/`, names of files after what is in them, nothing inline, so that the server's policy can forbid it.
 */
import { fileURLToPath } from "node:url"
import { defineConfig } from "vite"

export default defineConfig({
  root: fileURLToPath(new URL(".", import.meta.url)),
  base: "/",
  logLevel: "warn",
  // `npm run dashboard:dev`: the page from its sources, the API from a runtime that runs beside it.
  server: { proxy: { "/api": "http://127.0.0.1:4400", "/docs": "http://127.0.0.1:4400" } },
  build: {
    emptyOutDir: true,
    target: "es2022",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    // Libraries name their parts for servers and for browsers: here all is for browsers.
    rolldownOptions: { checks: { moduleLevelDirective: false } },
  },
})
