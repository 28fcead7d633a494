/** What colours, strokes and shapes mean; the shapes are drawn by the code that draws the graph. */
import { useComputedColorScheme } from "@mantine/core";
import { useEffect, useRef } from "react";
import { useTranslation } from "react-i18next";
import type { NodeState } from "../../api/types";
import { LINK_CLASSES, type Measure, rangeOf } from "./classes";
import { readPalette } from "./MeshCanvas";
import { drawNode } from "./scene";
import { MESH_WORDS } from "./texts";

const STATES: readonly NodeState[] = ["online", "stale", "expired", "offline", "pending", "denied"];
const SIZE = 24;

function Shape({ state, isHub }: { state: NodeState; isHub: boolean }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const scheme = useComputedColorScheme("light");
  useEffect(() => {
    const place = canvas.current;
    const context = place?.getContext("2d");
    if (!place || !context) return;
    const ratio = window.devicePixelRatio || 1;
    place.width = SIZE * ratio;
    place.height = SIZE * ratio;
    context.scale(ratio, ratio);
    drawNode(context, { state, is_hub: isHub }, { x: SIZE / 2, y: SIZE / 2 }, 7, readPalette(place));
  }, [state, isHub, scheme]);
  return <canvas ref={canvas} style={{ width: SIZE, height: SIZE }} aria-hidden />;
}

export function Legend({ measure }: { measure: Measure }) {
  const { t } = useTranslation([MESH_WORDS, "translation"]);
  const unit = measure === "rtt" ? " ms" : "";
  return (
    <section className="mesh-legend" aria-label={t("legend")}>
      <ul className="plain">
        {LINK_CLASSES.map((name) => (
          <li key={name}>
            <span className="mesh-line" style={{ background: `var(--mesh-${name})` }} aria-hidden />
            {t(`class.${name}`)} {name !== "unknown" && <span className="mesh-range">{rangeOf(name, measure) + unit}</span>}
          </li>
        ))}
        <li>
          <span className="mesh-line" data-tree aria-hidden /> {t("tree")}
        </li>
        <li>
          <span className="mesh-line" data-thin aria-hidden /> {t("other")}
        </li>
        <li>
          <span className="mesh-line" data-dashed aria-hidden /> {t("lastKnown")}
        </li>
      </ul>
      <ul className="plain">
        {STATES.map((state) => (
          <li key={state}>
            <Shape state={state} isHub={false} /> {t(`translation:state.${state}`)}
          </li>
        ))}
        <li>
          <Shape state="online" isHub /> {t("hub")}
        </li>
      </ul>
    </section>
  );
}
