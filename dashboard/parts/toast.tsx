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

/** Of what was not answered nobody knows what became. */
const failure = (cause: unknown): { readonly title: string; readonly description: string } => {
  if (!(cause instanceof Problem)) return { title: "That was not done", description: String(cause) }
  const { status, message, errors, retryAfter } = cause
  if (status === 0)
    return { title: message, description: "Whether that was done is not known. Look before you try again." }
  if (status === 401)
    return { title: "That was not done", description: "You are not signed in any more. Sign in, and do it again." }
  const whys = [message, ...errors.map((one) => `${one.path}: ${one.message}`)]
  const when = retryAfter === undefined ? [] : [`Try again in ${retryAfter} s.`]
  return { title: "That was not done", description: [...whys, ...when].join(" · ") }
}

/** Tells what was done, or why it was not. */
export const useTell = (): { readonly done: (text: string) => void; readonly failed: (cause: unknown) => void } => {
  const { add } = Toast.useToastManager()
  return {
    done: (text) => void add({ title: text, type: "good" }),
    failed: (cause) => void add({ ...failure(cause), type: "bad", priority: "high", timeout: failedMs }),
  }
}
