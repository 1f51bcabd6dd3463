/**
 * Dialogs: one that asks whether to do something, and one with whatever is in it.
 */
import { AlertDialog } from "@base-ui/react/alert-dialog"
import { Dialog } from "@base-ui/react/dialog"
import { useState, type ReactNode } from "react"
import { Button, type ButtonKind } from "./button.tsx"

/** A button that asks first. @param act what is done if the answer is yes; the dialog stays until it is */
export const ConfirmButton = ({
  label,
  title,
  children,
  kind = "plain",
  size,
  disabled,
  act,
}: {
  readonly label: string
  readonly title: string
  readonly children: ReactNode
  readonly kind?: ButtonKind
  readonly size?: "small"
  readonly disabled?: boolean
  readonly act: () => Promise<unknown>
}) => {
  const [open, setOpen] = useState(false)
  const [busy, setBusy] = useState(false)
  return (
    <AlertDialog.Root open={open} onOpenChange={setOpen}>
      <AlertDialog.Trigger
        render={<Button kind={kind} {...(size === undefined ? {} : { size })} />}
        disabled={disabled ?? false}
      >
        {label}
      </AlertDialog.Trigger>
      <AlertDialog.Portal>
        <AlertDialog.Backdrop className="backdrop" />
        <AlertDialog.Popup className="dialog">
          <AlertDialog.Title render={<h2 />}>{title}</AlertDialog.Title>
          <AlertDialog.Description render={<div className="stack" />}>{children}</AlertDialog.Description>
          <div className="dialog-acts">
            <AlertDialog.Close render={<Button />}>Do nothing</AlertDialog.Close>
            <Button
              kind={kind === "danger" ? "danger" : "primary"}
              disabled={busy}
              onClick={() => {
                setBusy(true)
                void act()
                  .catch(() => {})
                  .finally(() => {
                    setBusy(false)
                    setOpen(false)
                  })
              }}
            >
              {busy ? "Working…" : label}
            </Button>
          </div>
        </AlertDialog.Popup>
      </AlertDialog.Portal>
    </AlertDialog.Root>
  )
}

/** A dialog that its owner opens and closes. @param onClose without it, only what is in it closes it: neither a click beside it nor Escape */
export const Box = ({
  open,
  onClose,
  title,
  children,
}: {
  readonly open: boolean
  readonly onClose?: () => void
  readonly title: string
  readonly children: ReactNode
}) => (
  <Dialog.Root open={open} onOpenChange={(is) => !is && onClose?.()}>
    <Dialog.Portal>
      <Dialog.Backdrop className="backdrop" />
      <Dialog.Popup className="dialog">
        <Dialog.Title render={<h2 />}>{title}</Dialog.Title>
        {children}
      </Dialog.Popup>
    </Dialog.Portal>
  </Dialog.Root>
)
