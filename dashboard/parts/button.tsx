/**
 * Buttons, and links that look like them.
 */
import type { ComponentProps, ReactNode } from "react"
import { Link } from "wouter"

export type ButtonKind = "plain" | "primary" | "danger" | "quiet"

interface Look {
  readonly kind?: ButtonKind
  readonly size?: "small" | "icon"
}

/** While it is disabled it does nothing, but keeps the focus: whoever pressed it by a key is still there when it is done or has failed. */
export const Button = ({
  kind = "plain",
  size,
  disabled = false,
  onClick,
  ...rest
}: ComponentProps<"button"> & Look) => (
  <button
    type="button"
    {...rest}
    className="button"
    data-kind={kind}
    data-size={size}
    aria-disabled={disabled || undefined}
    // A form is not sent by it either.
    onClick={disabled ? (event) => event.preventDefault() : onClick}
  />
)

export const ButtonLink = ({
  to,
  kind = "plain",
  size,
  children,
}: Look & { readonly to: string; readonly children: ReactNode }) => (
  <Link href={to} className="button" data-kind={kind} data-size={size}>
    {children}
  </Link>
)
