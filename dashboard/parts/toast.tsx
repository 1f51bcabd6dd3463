/**
 * What has just been done, or could not be, told at the page's edge and to screen readers.
 */
import { Toast } from "@base-ui/react/toast"
import type { ReactNode } from "react"
import { Problem } from "../api/call.ts"

export const Toasts = ({ children }: { readonly children: ReactNode }) => (
  <Toast.Provider>
    {children}
    <Toast.Portal>
      <Toast.Viewport className="toasts">
        <List />
      </Toast.Viewport>
    </Toast.Portal>
  </Toast.Provider>
)

const List = () =>
  Toast.useToastManager().toasts.map((toast) => (
    <Toast.Root key={toast.id} toast={toast} className="toast">
      <Toast.Content>
        <Toast.Title render={<p />} className="toast-title" />
        <Toast.Description render={<p />} />
      </Toast.Content>
      <Toast.Close className="toast-close" aria-label="Dismiss">
        ✕
      </Toast.Close>
    </Toast.Root>
  ))

/** How long what failed is shown, in milliseconds. */
const failedMs = 12_000

/** Tells what was done, or why it was not. */
export const useTell = (): { readonly done: (text: string) => void; readonly failed: (cause: unknown) => void } => {
  const { add } = Toast.useToastManager()
  return {
    done: (text) => void add({ title: text, type: "good" }),
    failed: (cause) =>
      void add({
        title: "That was not done",
        description:
          cause instanceof Problem
            ? [cause.message, ...cause.errors.map(({ path, message }) => `${path}: ${message}`)].join(" · ")
            : String(cause),
        type: "bad",
        priority: "high",
        timeout: failedMs,
      }),
  }
}
