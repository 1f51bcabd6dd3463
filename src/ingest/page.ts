/**
 * A small page for a person: text alone, nothing that runs, kept by nobody and framed by nobody. Also what the command line's own
 * callback answers.
 */
import { connectionName, type ConnectionRef } from "../model/connection-state.ts"

export const oauthPaths = { begin: "/oauth/begin", callback: "/oauth/callback" } as const

export interface Page {
  readonly title: string
  readonly paragraphs: ReadonlyArray<string>
  /** A button that sends these fields back to the same path. */
  readonly button?: { readonly label: string; readonly fields: { readonly [name: string]: string } }
}

export const pageHeaders = {
  "content-type": "text/html; charset=utf-8",
  "cache-control": "no-store",
  // Forms are not bounded here: the answer to the button leads to the vendor's site, which may lead on to others.
  "content-security-policy": "default-src 'none'; base-uri 'none'; frame-ancestors 'none'",
  "x-frame-options": "DENY",
  "x-content-type-options": "nosniff",
  // Other sites are not told the address, which holds a code or a link's secret; our own need the origin of the button's request.
  "referrer-policy": "same-origin",
} as const

export const renderPage = ({ title, paragraphs, button }: Page): string =>
  [
    "<!doctype html>",
    '<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">',
    `<meta name="color-scheme" content="light dark"><title>${escaped(title)}</title></head><body>`,
    `<h1>${escaped(title)}</h1>`,
    ...paragraphs.map((text) => `<p>${escaped(text)}</p>`),
    ...(button === undefined ? [] : [renderButton(button)]),
    "</body></html>\n",
  ].join("\n")

export const connectedPage = (connection: ConnectionRef): Page => ({
  title: "Connected",
  paragraphs: [
    `${connectionName(connection)} may now use your account. What was waiting for it is being sent.`,
    "You can close this page.",
  ],
})

const renderButton = ({ label, fields }: NonNullable<Page["button"]>): string =>
  [
    '<form method="post">',
    ...Object.entries(fields).map(
      ([name, value]) => `<input type="hidden" name="${escaped(name)}" value="${escaped(value)}">`,
    ),
    `<button>${escaped(label)}</button></form>`,
  ].join("")

const entities: { readonly [character: string]: string } = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
}

export const escaped = (text: string): string => text.replace(/[&<>"']/g, (character) => entities[character]!)
