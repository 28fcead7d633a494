import { useEffect, useRef } from "react";
import { useTranslation } from "react-i18next";
import type { Deployment } from "../api/types";
import { RunMark } from "../components/State";
import { useNow } from "../components/Time";
import { figuresOf, milliseconds } from "../pages/pipelines/derive";
import { feedOf } from "./feed";

const STALE_MS = 3_000;
const TURN_STALE_MS = 15_000;
const LABELS_SHOWN = 5;

interface Watched {
  deployment: Deployment;
  filter: string;
}

function Veil({ deployment, filter, now }: Watched & { now: number }) {
  const { t } = useTranslation();
  const { arrivedAt, waits } = feedOf(deployment.id, filter).shown;
  if (deployment.state !== "running" && deployment.state !== "starting") {
    return (
      <div className="veil">
        <RunMark state={deployment.state} />
      </div>
    );
  }
  if (arrivedAt === 0) return <div className="veil">{t(waits ? "picture.turns" : "picture.first")}</div>;
  const silentMs = now - arrivedAt;
  if (silentMs < (waits ? TURN_STALE_MS : STALE_MS)) return null;
  return <div className="veil">{t("picture.stale", { seconds: Math.round(silentMs / 1000) })}</div>;
}

/** The picture itself; whatever keeps it from being live stands over it in words. */
export function LivePicture({ deployment, filter }: Watched) {
  const { t } = useTranslation();
  const now = useNow(500);
  const image = useRef<HTMLImageElement>(null);
  useEffect(() => {
    const shown = image.current;
    if (shown === null) return undefined;
    const feed = feedOf(deployment.id, filter);
    feed.attach(shown);
    return () => feed.detach(shown);
  }, [deployment.id, filter]);
  return (
    <div className="picture">
      <img ref={image} alt={t("picture.alt", { deployment: deployment.name, filter })} />
      <Veil deployment={deployment} filter={filter} now={now} />
    </div>
  );
}

/** Age and objects, read from the last picture and the figures. */
export function PictureFacts({ deployment, filter }: Watched) {
  const { t, i18n } = useTranslation();
  useNow(1_000);
  const { capturedAt, objects, waits } = feedOf(deployment.id, filter).shown;
  const age = figuresOf(deployment, filter).age_ms?.p50;
  const fps = figuresOf(deployment, filter).fps;
  const taken = capturedAt === null ? undefined : t("picture.captured", { at: new Date(capturedAt * 1000).toLocaleTimeString(i18n.language) });
  return (
    <div className="picture-facts">
      {typeof age === "number" && (
        <span title={[t("picture.ageHint"), taken].filter(Boolean).join(". ")}>{t("picture.age", { age: milliseconds(age) })}</span>
      )}
      {typeof fps === "number" && <span>{t("deployment.fps", { fps: fps.toFixed(fps < 10 ? 1 : 0) })}</span>}
      {waits && <span>{t("picture.turns")}</span>}
      {objects.length > 0 && (
        <ul className="plain chips" aria-label={t("picture.objects")}>
          {objects.slice(0, LABELS_SHOWN).map(([label, count]) => (
            <li key={label} className="chip">
              {label} <b>{count}</b>
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}
