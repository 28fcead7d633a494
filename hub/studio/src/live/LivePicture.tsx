import { useEffect, useRef, useState } from "react";
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

function isLive(deployment: Deployment): boolean {
  return deployment.state === "running" || deployment.state === "starting";
}

/** Pictures that are scrolled out of sight leave their connection to those that are seen. */
function followWhileVisible(image: HTMLImageElement, deployment: string, filter: string): () => void {
  const observer = new IntersectionObserver((entries) => {
    const feed = feedOf(deployment, filter);
    if (entries.at(-1)?.isIntersecting) feed.attach(image);
    else feed.detach(image);
  });
  observer.observe(image);
  return () => {
    observer.disconnect();
    feedOf(deployment, filter).detach(image);
  };
}

function Veil({ deployment, filter, now }: Watched & { now: number }) {
  const { t } = useTranslation();
  const { arrivedAt, waits } = feedOf(deployment.id, filter).shown;
  if (!isLive(deployment)) {
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
  // The first picture lifts what stands over it at once.
  const [, setSeen] = useState(false);
  const runs = isLive(deployment);
  useEffect(() => {
    const shown = image.current;
    return shown === null || !runs ? undefined : followWhileVisible(shown, deployment.id, filter);
  }, [deployment.id, filter, runs]);
  return (
    <div className="picture">
      <img ref={image} onLoad={() => setSeen(true)} alt={t("picture.alt", { deployment: deployment.name, filter })} />
      <Veil deployment={deployment} filter={filter} now={now} />
    </div>
  );
}

/** Age and objects, read from the last picture and the figures. */
export function PictureFacts({ deployment, filter }: Watched) {
  const { t, i18n } = useTranslation();
  const now = useNow(1_000);
  const { arrivedAt, capturedAt, objects, waits } = feedOf(deployment.id, filter).shown;
  const fresh = figuresOf(deployment, filter).age_ms?.p50;
  // A picture that waits for its turn grows older here.
  const age = typeof fresh === "number" && waits && arrivedAt > 0 ? fresh + Math.max(0, now - arrivedAt) : fresh;
  const fps = figuresOf(deployment, filter).fps;
  const taken = capturedAt === null ? undefined : t("picture.captured", { at: new Date(capturedAt * 1000).toLocaleTimeString(i18n.language) });
  return (
    <div className="picture-facts">
      {typeof age === "number" && (
        <span title={[t("picture.ageHint"), taken].filter(Boolean).join(". ")}>{t("picture.age", { age: milliseconds(age) })}</span>
      )}
      {typeof fps === "number" && <span>{t("deployment.fps", { fps: fps.toFixed(fps < 10 ? 1 : 0) })}</span>}
      {waits && isLive(deployment) && <span>{t("picture.turns")}</span>}
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
