/**
 * Buttons, and links that look like them.
 */
import type { ButtonHTMLAttributes, ReactNode } from "react"
import { Link } from "wouter"

export type ButtonKind = "plain" | "primary" | "danger" | "quiet"

interface Look {
  readonly kind?: ButtonKind
  readonly size?: "small" | "icon"
}

export const Button = ({ kind = "plain", size, ...rest }: ButtonHTMLAttributes<HTMLButtonElement> & Look) => (
  <button type="button" {...rest} className="button" data-kind={kind} data-size={size} />
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
