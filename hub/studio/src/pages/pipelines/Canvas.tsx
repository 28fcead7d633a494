import "@xyflow/react/dist/base.css";
import {
  BaseEdge,
  Controls,
  type Edge,
  EdgeLabelRenderer,
  type EdgeProps,
  getBezierPath,
  Handle,
  MarkerType,
  type Node,
  type NodeProps,
  Panel,
  Position,
  ReactFlow,
  ReactFlowProvider,
  useReactFlow,
  useStore,
} from "@xyflow/react";
import { useComputedColorScheme } from "@mantine/core";
import { useElementSize } from "@mantine/hooks";
import { createContext, memo, useContext, useEffect, useMemo } from "react";
import { useTranslation } from "react-i18next";
import type { ConnectionSpec, Deployment, Pipeline } from "../../api/types";
import { RunMark, runColour } from "../../components/State";
import { edgeFiguresOf, edgeName, figuresOf, fillOf, filterState, isActive, isStrong, lostOf, milliseconds, nodeName, rate, whyNot } from "./derive";
import { layOut } from "./layout";
import type { Layer } from "./layers";

const NODE_WIDTH = 178;
const NODE_HEIGHT = 92;
const COLUMN_PX = 292;
const ROW_PX = 122;
// On a narrow page the graph runs from top to bottom, and a filter's state is an icon.
const NARROW_PX = 620;
const NARROW_WIDTH = 138;
const NARROW_COLUMN_PX = 168;
const NARROW_ROW_PX = 148;
const HEIGHT_PX_MIN = 200;
const HEIGHT_PX_MAX = 560;
// The legend and the controls stand above the graph.
const FIT = { padding: { top: "52px", bottom: "26px", left: "12px", right: "12px" }, maxZoom: 1.1, minZoom: 0.3 } as const;
const ABOVE_AND_BELOW_PX = 78;

interface Shared {
  deployment: Deployment;
  layer: Layer;
  onOpen: (filter: string) => void;
}

// Figures come each second: they travel beside the graph, so that the graph itself is laid out once.
const SharedContext = createContext<Shared | null>(null);

function useShared(): Shared {
  const shared = useContext(SharedContext);
  if (shared === null) throw new Error("a part of the canvas stands outside of it");
  return shared;
}

type FilterNode = Node<{ name: string; fed: boolean; feeds: boolean; down: boolean }, "filter">;
type ConnectionEdge = Edge<{ connection: ConnectionSpec; down: boolean }, "connection">;

/** What stands under a filter's name: its place and speed, or its type and needs. */
function Lines({ name }: { name: string }) {
  const { t } = useTranslation();
  const { deployment, layer } = useShared();
  const spec = deployment.pipeline.filters[name];
  const figures = figuresOf(deployment, name);
  const why = whyNot(deployment, name);
  const frames = Math.max(figures.frames_in ?? 0, figures.frames_out ?? 0);
  if (layer === "design") {
    return (
      <>
        <span className="flow-line">{spec?.type}</span>
        <span className="flow-line" title={spec?.needs}>
          {spec?.needs || Object.entries(spec?.params ?? {}).map(([key, value]) => `${key}=${String(value)}`).join(", ") || "–"}
        </span>
      </>
    );
  }
  if (why && !deployment.nodes[name]) return <span className="flow-line flow-why">{why}</span>;
  return (
    <>
      <span className="flow-line">{nodeName(deployment, deployment.nodes[name]) || "–"}</span>
      <span className="flow-line">
        <b>{isActive(deployment) ? t("deployment.fps", { fps: rate(figures.fps) }) : t("deployment.frames", { count: frames })}</b>
        {figures.run_ms?.p50 ? ` · ${milliseconds(figures.run_ms.p50)}` : ""}
      </span>
    </>
  );
}

const FilterBox = memo(function FilterBox({ data }: NodeProps<FilterNode>) {
  const flow = useReactFlow();
  const { deployment, onOpen } = useShared();
  const state = filterState(deployment, data.name);
  return (
    <>
      {data.fed && <Handle type="target" position={data.down ? Position.Top : Position.Left} isConnectable={false} />}
      <button
        type="button"
        className="flow-node nodrag nopan"
        style={{ borderLeftColor: runColour(state) }}
        aria-haspopup="dialog"
        onClick={() => onOpen(data.name)}
        // The browser would scroll a focused box into view and tear the graph from its frame.
        onFocus={(event) => {
          if (event.currentTarget.matches(":focus-visible")) void flow.fitView(FIT);
        }}
      >
        <span className="flow-head">
          <b>{data.name}</b>
          <RunMark state={state} size={14} />
        </span>
        <Lines name={data.name} />
      </button>
      {data.feeds && <Handle type="source" position={data.down ? Position.Bottom : Position.Right} isConnectable={false} />}
    </>
  );
});

function EdgeLabel({ connection, down }: { connection: ConnectionSpec; down: boolean }) {
  const { t } = useTranslation();
  const { deployment, layer } = useShared();
  const strong = isStrong(connection);
  if (layer === "design") {
    if (strong) return null;
    return <>{[connection.policy, connection.depth ? `× ${connection.depth}` : ""].filter(Boolean).join(" ") || t("deployment.kind.weak")}</>;
  }
  const figures = edgeFiguresOf(deployment, connection);
  // A strong connection is a call within one process: nothing waits or is lost on it.
  const lost = lostOf(figures);
  if (!isActive(deployment)) return lost > 0 && layer !== "live" ? <>{t("deployment.lost", { count: lost })}</> : null;
  // On a narrow page there is no room between branches, and a call's pace is that of its filter.
  if (figures.fps === undefined || (strong && (down || figures.fps === 0))) return null;
  const pace = (
    <span>
      {t("deployment.fps", { fps: rate(figures.fps) })} · {strong ? "0 ms" : milliseconds(figures.queue_ms?.p50)}
    </span>
  );
  if (layer === "live" || strong) return pace;
  const fill = fillOf(figures);
  return (
    <>
      {pace}
      <span style={{ color: lost > 0 ? "var(--edge-stale)" : "var(--mantine-color-dimmed)" }}>{t("deployment.lost", { count: lost })}</span>
      {/* A queue of one is full whenever a frame is in it, which says nothing. */}
      {(figures.depth ?? 0) > 1 && (
        <span className="flow-fill" data-level={fill > 0.85 ? "high" : fill > 0.6 ? "middle" : "low"}>
          <span style={{ width: `${Math.round(fill * 100)}%` }} />
        </span>
      )}
    </>
  );
}

const ConnectionLine = memo(function ConnectionLine(props: EdgeProps<ConnectionEdge>) {
  const { sourceX, sourceY, targetX, targetY, sourcePosition, targetPosition, data, markerEnd } = props;
  const [path, x, y] = getBezierPath({ sourceX, sourceY, targetX, targetY, sourcePosition, targetPosition, curvature: 0.35 });
  if (data === undefined) return null;
  return (
    <>
      <BaseEdge path={path} markerEnd={markerEnd} className={isStrong(data.connection) ? "flow-strong" : "flow-weak"} />
      <EdgeLabelRenderer>
        <div className="flow-label" style={{ transform: `translate(-50%, -50%) translate(${x}px, ${y}px)` }}>
          <EdgeLabel connection={data.connection} down={data.down} />
        </div>
      </EdgeLabelRenderer>
    </>
  );
});

const NODE_TYPES = { filter: FilterBox };
const EDGE_TYPES = { connection: ConnectionLine };

const MARKER = { type: MarkerType.ArrowClosed, width: 16, height: 16, color: "var(--edge-flow)", markerUnits: "userSpaceOnUse" };

function graphOf(pipeline: Pipeline, down: boolean): { nodes: FilterNode[]; edges: ConnectionEdge[] } {
  const known = new Set(Object.keys(pipeline.filters));
  const edges = (pipeline.connections ?? [])
    .map((connection): ConnectionEdge => {
      const [source = "", target = ""] = [connection.from.split(".")[0], connection.to.split(".")[0]];
      return { id: edgeName(connection), type: "connection", source, target, data: { connection, down }, markerEnd: MARKER, focusable: false };
    })
    .filter((edge) => known.has(edge.source) && known.has(edge.target));
  const nodes = [...layOut(pipeline)].map(
    ([name, place]): FilterNode => ({
      id: name,
      type: "filter",
      position: down
        ? { x: place.row * NARROW_ROW_PX, y: place.column * NARROW_COLUMN_PX }
        : { x: place.column * COLUMN_PX, y: place.row * ROW_PX },
      data: { name, fed: edges.some((edge) => edge.target === name), feeds: edges.some((edge) => edge.source === name), down },
      width: down ? NARROW_WIDTH : NODE_WIDTH,
      height: NODE_HEIGHT,
    }),
  );
  return { nodes, edges };
}

function span(values: number[]): number {
  return values.length > 0 ? Math.max(...values) - Math.min(...values) : 0;
}

/** High enough for the graph at the scale at which it fits the width. */
function heightOf(nodes: FilterNode[], widthPx: number, down: boolean): number {
  const wide = span(nodes.map((node) => node.position.x)) + (down ? NARROW_WIDTH : NODE_WIDTH);
  const high = span(nodes.map((node) => node.position.y)) + NODE_HEIGHT;
  const scale = Math.min(FIT.maxZoom, Math.max(FIT.minZoom, (widthPx - 24) / wide));
  const most = down ? Number.POSITIVE_INFINITY : HEIGHT_PX_MAX;
  return Math.min(most, Math.max(HEIGHT_PX_MIN, high * scale + ABOVE_AND_BELOW_PX));
}

function Graph({ pipeline }: { pipeline: Pipeline }) {
  const { t } = useTranslation();
  const scheme = useComputedColorScheme("dark");
  const flow = useReactFlow();
  const { ref, width } = useElementSize();
  const down = width > 0 && width < NARROW_PX;
  const { nodes, edges } = useMemo(() => graphOf(pipeline, down), [pipeline, down]);
  const height = heightOf(nodes, width, down);
  // The canvas measures itself after the page has given it this height.
  const measured = useStore((store) => `${store.width} ${store.height}`);
  useEffect(() => void flow.fitView(FIT), [flow, measured, down, nodes]);
  return (
    <div ref={ref} className="card canvas" data-down={down || undefined} style={{ height }}>
      <ReactFlow
        nodes={nodes}
        edges={edges}
        nodeTypes={NODE_TYPES}
        edgeTypes={EDGE_TYPES}
        colorMode={scheme}
        fitView
        fitViewOptions={FIT}
        minZoom={0.2}
        maxZoom={2}
        nodesDraggable={false}
        nodesConnectable={false}
        nodesFocusable={false}
        edgesFocusable={false}
        elementsSelectable={false}
        // The page scrolls through: the wheel moves the graph only together with Ctrl.
        zoomOnScroll={false}
        preventScrolling={false}
        ariaLabelConfig={{
          "controls.ariaLabel": t("deployment.canvas"),
          "controls.zoomIn.ariaLabel": t("deployment.zoomIn"),
          "controls.zoomOut.ariaLabel": t("deployment.zoomOut"),
          "controls.fitView.ariaLabel": t("deployment.fit"),
        }}
      >
        <Controls showInteractive={false} position="top-right" orientation="horizontal" fitViewOptions={FIT} />
        <Panel position="top-left">
          <span className="flow-legend">
            <svg width="26" height="6" aria-hidden>
              <line x1="0" y1="3" x2="26" y2="3" className="flow-strong" />
            </svg>
            {t("deployment.strong")}
            <svg width="26" height="6" aria-hidden style={{ marginLeft: 12 }}>
              <line x1="0" y1="3" x2="26" y2="3" className="flow-weak" />
            </svg>
            {t("deployment.weak")}
          </span>
        </Panel>
      </ReactFlow>
    </div>
  );
}

/** The pipeline as a graph, left to right. It is read-only; a filter opens its details. */
export default function Canvas({ deployment, layer, onOpen }: Shared) {
  const { t } = useTranslation();
  const shared = useMemo(() => ({ deployment, layer, onOpen }), [deployment, layer, onOpen]);
  // The document arrives anew each second with the figures; the graph changes only with its content.
  const text = JSON.stringify(deployment.pipeline);
  const pipeline = useMemo(() => JSON.parse(text) as Pipeline, [text]);
  return (
    <section aria-label={t("deployment.canvas")}>
      <SharedContext value={shared}>
        <ReactFlowProvider>
          <Graph pipeline={pipeline} />
        </ReactFlowProvider>
      </SharedContext>
      <p className="sr-only">{t("deployment.canvasHint")}</p>
    </section>
  );
}
