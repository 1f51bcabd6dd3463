/**
 * Light, dark, or as the system has it; remembered by the browser.
 */
import { useId, useState } from "react"

type Theme = "system" | "light" | "dark"
const kept = "meshes-theme"

export const isTheme = (value: unknown): value is Theme => value === "system" || value === "light" || value === "dark"

/** Frames of other sites may not be allowed to keep anything. */
const remembered = (): Theme => {
  try {
    const value = localStorage.getItem(kept)
    return isTheme(value) ? value : "system"
  } catch {
    return "system"
  }
}

export const showTheme = (theme: Theme): void => {
  if (theme === "system") delete document.documentElement.dataset["theme"]
  else document.documentElement.dataset["theme"] = theme
}

showTheme(remembered())

export const ThemeChoice = () => {
  const id = useId()
  const [theme, setTheme] = useState(remembered)
  return (
    <div className="row">
      <label htmlFor={id} className="dim">
        Theme
      </label>
      <select
        id={id}
        value={theme}
        onChange={(event) => {
          const chosen = event.target.value as Theme
          setTheme(chosen)
          showTheme(chosen)
          try {
            localStorage.setItem(kept, chosen)
          } catch {}
        }}
      >
        <option value="system">as the system</option>
        <option value="light">light</option>
        <option value="dark">dark</option>
      </select>
    </div>
  )
}
