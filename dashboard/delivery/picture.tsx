/**
 * The machine of deliveries as a picture, drawn from its definition: where a delivery is, and which way it came.
 */
import { Graph, layout, type Point } from "@dagrejs/dagre"
import { useEffect, useId, useState } from "react"
import { statusOfState } from "../../src/model/status.ts"
import { toneOf } from "../parts/status.tsx"
import { pathOf, states, transitions, type DeliveryWhole, type State, type Transition } from "./life.ts"

/** Sizes in the picture's own units: pixels, where there is room. */
const box = { width: 94, height: 44 }
const label = { character: 6.4, line: 13 }

/** Of a transition, a line each. */
const linesOf = ({ event, guard }: Transition): ReadonlyArray<string> =>
  guard === undefined ? [event] : [event, guard]
const keyOf = ({ from, to }: { readonly from: State; readonly to: State }): string => `${from} ${to}`

/** Where everything is, from left to right or from top to bottom. */
const laidOut = (direction: "LR" | "TB") => {
  const graph = new Graph<
    { rankdir: string; nodesep: number; ranksep: number; edgesep: number; width?: number; height?: number },
    { width: number; height: number; x: number; y: number },
    { width: number; height: number; labelpos: "c"; x: number; y: number; points: Array<Point> }
  >()
  graph.setGraph({
    rankdir: direction,
    nodesep: direction === "LR" ? 22 : 12,
    edgesep: 6,
    ranksep: direction === "LR" ? 26 : 18,
  })
  for (const state of states) graph.setNode(state, { ...box, x: 0, y: 0 })
  for (const one of transitions) {
    const lines = linesOf(one)
    // With room for how many times it was taken.
    const width = Math.max(one.event.length + 3, ...lines.map(({ length }) => length)) * label.character + 4
    const height = lines.length * label.line + 4
    graph.setEdge(one.from, one.to, { width, height, labelpos: "c", x: 0, y: 0, points: [] })
  }
  layout(graph)
  const { width = 0, height = 0 } = graph.graph()
  return {
    width,
    height,
    nodes: states.map((state) => ({ state, ...graph.node(state) })),
    edges: transitions.map((one) => ({ ...one, ...graph.edge(one.from, one.to) })),
  }
}

/** A curve through the middles of what lies between its points. */
const curve = (points: ReadonlyArray<Point>): string => {
  const [first, ...rest] = points as readonly [Point, ...Array<Point>]
  const bends = rest.slice(0, -1).map((point, i) => {
    const next = rest[i + 1]!
    const end = i === rest.length - 2 ? next : { x: (point.x + next.x) / 2, y: (point.y + next.y) / 2 }
    return `Q${point.x} ${point.y} ${end.x} ${end.y}`
  })
  const last = rest.at(-1)!
  return `M${first.x} ${first.y}${bends.length === 0 ? `L${last.x} ${last.y}` : bends.join("")}`
}

/** Below this width of the window the picture stands upright, in pixels. */
const narrow = "(max-width: 640px)"

const useNarrow = (): boolean => {
  const [is, setIs] = useState(() => matchMedia(narrow).matches)
  useEffect(() => {
    const query = matchMedia(narrow)
    const changed = () => setIs(query.matches)
    query.addEventListener("change", changed)
    return () => query.removeEventListener("change", changed)
  }, [])
  return is
}

export const Picture = ({ delivery }: { readonly delivery: DeliveryWhole }) => {
  const id = useId()
  const upright = useNarrow()
  const { width, height, nodes, edges } = laidOut(upright ? "TB" : "LR")
  const path = pathOf(delivery)
  const now = path.at(-1)!
  const taken = new Map<string, number>()
  path.slice(1).forEach((to, i) => {
    const key = keyOf({ from: path[i]!, to })
    taken.set(key, (taken.get(key) ?? 0) + 1)
  })
  // What was taken is drawn over what was not.
  const ordered = edges.toSorted((a, b) => Number(taken.has(keyOf(a))) - Number(taken.has(keyOf(b))))
  return (
    <figure className="machine">
      <svg
        viewBox={`-4 -4 ${width + 8} ${height + 8}`}
        width={width + 8}
        role="img"
        aria-labelledby={`${id}-title`}
        aria-describedby={`${id}-path`}
      >
        <title id={`${id}-title`}>{`The life of a delivery. This one is ${now}.`}</title>
        <defs>
          {["plain", "taken"].map((kind) => (
            <marker
              key={kind}
              id={`${id}-${kind}`}
              className={`machine-head ${kind}`}
              viewBox="0 0 8 8"
              refX="7"
              refY="4"
              markerWidth="8"
              markerHeight="8"
              markerUnits="userSpaceOnUse"
              orient="auto"
            >
              <path d="M0 0 8 4 0 8z" />
            </marker>
          ))}
        </defs>
        {ordered.map((edge) => {
          const times = taken.get(keyOf(edge))
          const kind = times === undefined ? "plain" : "taken"
          return (
            <g key={keyOf(edge)} className={`machine-edge ${kind}`}>
              <path d={curve(edge.points)} markerEnd={`url(#${id}-${kind})`} />
              {linesOf(edge).map((line, i, lines) => (
                <text key={line} x={edge.x} y={edge.y + 4 + (i - (lines.length - 1) / 2) * label.line}>
                  {line}
                  {i === 0 && times !== undefined && times > 1 && ` ×${times}`}
                </text>
              ))}
            </g>
          )
        })}
        {nodes.map(({ state, x, y }) => (
          <g
            key={state}
            className="machine-state"
            data-is={state === now ? "now" : path.includes(state) ? "was" : undefined}
            data-tone={state === now ? toneOf(statusOfState[state]) : undefined}
          >
            <rect x={x - box.width / 2} y={y - box.height / 2} width={box.width} height={box.height} rx="9" />
            <text x={x} y={y - 2}>
              {state}
            </text>
            <text x={x} y={y + 13} className="machine-note">
              {state === now ? "is here" : statusOfState[state]}
            </text>
          </g>
        ))}
      </svg>
      <figcaption id={`${id}-path`}>
        <Path path={path} />
      </figcaption>
    </figure>
  )
}

/** The same as a text: the way so far, and what leads on. */
const Path = ({ path }: { readonly path: ReadonlyArray<State> }) => {
  const now = path.at(-1)!
  const onward = transitions.filter(({ from }) => from === now)
  return (
    <>
      <p>
        <span className="dim">Its way: </span>
        {path.map((state, i) => (
          <span key={i}>
            {i > 0 && <span className="dim"> → </span>}
            {i === path.length - 1 ? <strong>{state}</strong> : state}
          </span>
        ))}
      </p>
      <p>
        <span className="dim">From here: </span>
        {onward.length === 0
          ? "nothing leads on, it is over"
          : onward.map((one) => `${linesOf(one).join(", ")} → ${one.to}`).join("; ")}
      </p>
    </>
  )
}
