/** The canvas as a part of the page: mouse, touch, keyboard, and the colours of the scheme. */
import { ActionIcon, useComputedColorScheme } from "@mantine/core";
import { IconArrowsMaximize, IconMinus, IconPlus, IconRefresh } from "@tabler/icons-react";
import { type KeyboardEvent, type PointerEvent, type ReactNode, type RefObject, useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { LINK_CLASSES } from "./classes";
import { MESH_WORDS } from "./texts";
import type { Palette } from "./scene";
import { type Look, type Memory, Stage, type Target } from "./stage";
import type { Mesh } from "./types";
import type { Point } from "./view";

const PAN_STEP = 60;
const NUDGE_STEP = 16;
const ZOOM_STEP = 1.25;
const MOVED_PIXELS = 4;

/** Read what the scheme makes of the colours: a canvas knows no variables. */
export function readPalette(element: Element): Palette {
  const style = getComputedStyle(element);
  const colour = (name: string) => style.getPropertyValue(name).trim() || "#888888";
  const states = ["online", "stale", "expired", "offline", "pending", "denied"] as const;
  return {
    text: colour("--mantine-color-text"),
    dimmed: colour("--mantine-color-dimmed"),
    background: colour("--edge-canvas"),
    card: colour("--edge-card"),
    accent: colour("--edge-accent-text"),
    path: colour("--mesh-path"),
    states: Object.fromEntries(states.map((state) => [state, colour(`--edge-${state}`)])) as Palette["states"],
    links: Object.fromEntries(LINK_CLASSES.map((name) => [name, colour(`--mesh-${name}`)])) as Palette["links"],
    font: style.getPropertyValue("--mantine-font-family").trim() || "sans-serif",
  };
}

function memoryAt(key: string): Memory {
  return {
    read() {
      try {
        const places: unknown = JSON.parse(localStorage.getItem(key) ?? "[]");
        return Array.isArray(places) ? (places as [string, Point][]) : [];
      } catch {
        return [];
      }
    },
    write(places) {
      try {
        localStorage.setItem(key, JSON.stringify(places));
      } catch {
        // A browser that keeps nothing: the places are computed again next time.
      }
    },
  };
}

interface Fingers {
  points: Map<number, Point>;
  dragged: string | null;
  moved: number;
}

/** What pointers do: one pans or drags a node, two pinch, and a tap chooses. */
function usePointers(stage: RefObject<Stage | null>, onChoose: (target: Target) => void) {
  const fingers = useRef<Fingers>({ points: new Map(), dragged: null, moved: 0 });
  const at = (event: PointerEvent<HTMLElement>): Point => {
    const box = event.currentTarget.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  };
  const down = (event: PointerEvent<HTMLElement>) => {
    const now = fingers.current;
    event.currentTarget.setPointerCapture(event.pointerId);
    if (now.points.size === 0) {
      const target = stage.current?.targetAt(at(event), event.pointerType === "touch") ?? null;
      now.dragged = target?.kind === "node" ? target.id : null;
      now.moved = 0;
    } else now.dragged = null;
    now.points.set(event.pointerId, at(event));
  };
  const move = (event: PointerEvent<HTMLElement>) => {
    const now = fingers.current;
    const before = now.points.get(event.pointerId);
    const point = at(event);
    if (!before) {
      if (event.pointerType === "mouse") {
        const target = stage.current?.targetAt(point, false) ?? null;
        stage.current?.hover(target);
        event.currentTarget.style.cursor = target ? "pointer" : "grab";
      }
      return;
    }
    now.moved += Math.hypot(point.x - before.x, point.y - before.y);
    now.points.set(event.pointerId, point);
    const others = [...now.points].filter(([id]) => id !== event.pointerId);
    const other = others[0]?.[1];
    if (other) {
      const factor = Math.hypot(point.x - other.x, point.y - other.y) / Math.max(1, Math.hypot(before.x - other.x, before.y - other.y));
      stage.current?.zoom(factor, { x: (point.x + other.x) / 2, y: (point.y + other.y) / 2 });
    } else if (now.moved > MOVED_PIXELS) {
      if (now.dragged) stage.current?.drag(now.dragged, point);
      else stage.current?.pan(point.x - before.x, point.y - before.y);
    }
  };
  const up = (event: PointerEvent<HTMLElement>) => {
    const now = fingers.current;
    const wasAlone = now.points.size === 1;
    now.points.delete(event.pointerId);
    if (wasAlone && now.moved <= MOVED_PIXELS && event.type === "pointerup") {
      onChoose(stage.current?.targetAt(at(event), event.pointerType === "touch") ?? null);
    }
  };
  return { onPointerDown: down, onPointerMove: move, onPointerUp: up, onPointerCancel: up, onPointerLeave: () => stage.current?.hover(null) };
}

function useKeys(stage: RefObject<Stage | null>, chosen: string | null, onChoose: (target: Target) => void) {
  return (event: KeyboardEvent) => {
    const now = stage.current;
    if (!now || event.ctrlKey || event.metaKey || event.altKey) return;
    const arrows: Record<string, [number, number]> = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    const arrow = arrows[event.key];
    const go = (step: 1 | -1) => {
      const node = now.next(chosen, step);
      if (!node) return;
      now.centre(node.id);
      onChoose({ kind: "node", id: node.id });
    };
    const actions: Record<string, () => void> = {
      "+": () => now.zoom(ZOOM_STEP),
      "=": () => now.zoom(ZOOM_STEP),
      "-": () => now.zoom(1 / ZOOM_STEP),
      "0": () => now.fit(),
      n: () => go(1),
      p: () => go(-1),
      Escape: () => onChoose(null),
    };
    if (arrow && event.shiftKey && chosen) now.nudge(chosen, arrow[0] * NUDGE_STEP, arrow[1] * NUDGE_STEP);
    else if (arrow) now.pan(-arrow[0] * PAN_STEP, -arrow[1] * PAN_STEP);
    else if (event.key in actions) actions[event.key]?.();
    else return;
    event.preventDefault();
  };
}

interface MeshCanvasProps {
  mesh: Mesh;
  look: Look;
  /** What places are remembered under. */
  scope: string;
  /** Gives the stage to the page, which centres on what it finds. */
  stage: RefObject<Stage | null>;
  onChoose: (target: Target) => void;
  children?: ReactNode;
}

/** Zoom by the wheel, but leave the page's own scrolling alone until the graph has the focus. */
function useWheel(element: RefObject<HTMLElement | null>, stage: RefObject<Stage | null>) {
  useEffect(() => {
    const place = element.current;
    if (!place) return undefined;
    const wheel = (event: WheelEvent) => {
      if (!event.ctrlKey && document.activeElement !== place) return;
      event.preventDefault();
      const box = place.getBoundingClientRect();
      const pixels = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? event.deltaY * 16 : event.deltaY;
      stage.current?.zoom(Math.exp(-pixels / 400), { x: event.clientX - box.left, y: event.clientY - box.top });
    };
    place.addEventListener("wheel", wheel, { passive: false });
    return () => place.removeEventListener("wheel", wheel);
  }, [element, stage]);
}

/** Make the stage when its canvas is there, and keep its size and colours those of the page. */
function useStage(stage: RefObject<Stage | null>, canvas: RefObject<HTMLCanvasElement | null>, scope: string) {
  const scheme = useComputedColorScheme("light");
  const [ready, setReady] = useState(false);
  useEffect(() => {
    const place = canvas.current;
    const frame = place?.parentElement;
    if (!place || !frame) return undefined;
    const isCalm = window.matchMedia("(prefers-reduced-motion: reduce)").matches;
    const made = new Stage(place, readPalette(frame), memoryAt(`cantor-mesh-places:${scope}`), isCalm);
    stage.current = made;
    setReady(true);
    const watch = new ResizeObserver(() => made.resize({ width: frame.clientWidth, height: frame.clientHeight }));
    watch.observe(frame);
    return () => {
      watch.disconnect();
      made.close();
      stage.current = null;
      setReady(false);
    };
  }, [stage, canvas, scope]);
  useEffect(() => {
    const frame = canvas.current?.parentElement;
    if (ready && frame) stage.current?.paint(readPalette(frame));
  }, [stage, canvas, ready, scheme]);
  return ready;
}

export function MeshCanvas({ mesh, look, scope, stage, onChoose, children }: MeshCanvasProps) {
  const { t } = useTranslation(MESH_WORDS);
  const frame = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const ready = useStage(stage, canvas, scope);
  useEffect(() => {
    if (ready) stage.current?.show(mesh, look);
  }, [ready, stage, mesh, look]);
  useWheel(frame, stage);
  const pointers = usePointers(stage, onChoose);
  const keys = useKeys(stage, look.selected, onChoose);
  const tools = [
    { name: t("zoomIn"), Icon: IconPlus, run: () => stage.current?.zoom(ZOOM_STEP) },
    { name: t("zoomOut"), Icon: IconMinus, run: () => stage.current?.zoom(1 / ZOOM_STEP) },
    { name: t("fit"), Icon: IconArrowsMaximize, run: () => stage.current?.fit() },
    { name: t("again"), Icon: IconRefresh, run: () => stage.current?.arrange() },
  ];
  return (
    <div className="mesh-frame">
      <div ref={frame} className="mesh-graph" role="application" aria-label={t("canvas")} aria-describedby="mesh-keys" tabIndex={0} onKeyDown={keys} {...pointers}>
        <canvas ref={canvas} aria-hidden />
      </div>
      <p id="mesh-keys" className="mesh-hidden">
        {t("keys")}
      </p>
      <div className="mesh-tools">
        {tools.map(({ name, Icon, run }) => (
          <ActionIcon key={name} variant="default" size="lg" aria-label={name} title={name} onClick={run}>
            <Icon size={17} aria-hidden />
          </ActionIcon>
        ))}
      </div>
      {children}
    </div>
  );
}
