/**
 * Where a page cannot be shown, that is said in its place: the server did not answer as its part was asked for, has a newer one, or it is a bug.
 */
import { Component, type ReactNode } from "react"
import { Button } from "../parts/button.tsx"

export class Boundary extends Component<{ readonly children: ReactNode }, { readonly broken: boolean }> {
  override state = { broken: false }
  static getDerivedStateFromError = () => ({ broken: true })
  override render() {
    return this.state.broken ? <Broken /> : this.props.children
  }
}

const Broken = () => (
  <div className="page" role="alert">
    <h1>This page could not be shown</h1>
    <p className="page-lead">
      The server did not answer, or it is another version by now. If loading it again does not help, it is a bug: the
      browser’s console says more.
    </p>
    <div>
      <Button kind="primary" onClick={() => location.reload()}>
        Load it again
      </Button>
    </div>
  </div>
)
