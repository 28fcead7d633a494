/** Follows one preview for as long as somebody looks at it, and reconnects by itself. */
import { previewAddress } from "../api/deployments";
import { boundaryOf, type Part, PartReader } from "./multipart";
import { Slots } from "./slots";

const STREAMS_MAX = 4;
const TURN_MS = 2_000;
const WAIT_MS_MIN = 500;
const WAIT_MS_MAX = 5_000;
const LABELS_MAX = 32;

const slots = new Slots(STREAMS_MAX);

export interface Shown {
  /** Milliseconds since 1970, by this computer's clock; 0 before the first picture. */
  arrivedAt: number;
  /** Seconds since 1970, by the clock of the node that took the picture. */
  capturedAt: number | null;
  objects: [label: string, count: number][];
  /** The picture gives way to others because there are more than connections. */
  waits: boolean;
}

/** Objects by label, most first; anything that is not a count is left out. */
export function objectsOf(text: string | null): [string, number][] {
  if (text === null) return [];
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return [];
  }
  if (typeof value !== "object" || value === null) return [];
  const counts = Object.entries(value).filter((entry): entry is [string, number] => Number.isFinite(entry[1]));
  return counts.sort(([a, m], [b, n]) => n - m || a.localeCompare(b)).slice(0, LABELS_MAX);
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener("abort", done);
  });
}

function visible(signal: AbortSignal): Promise<void> {
  if (!document.hidden) return Promise.resolve();
  return new Promise((resolve) => {
    const done = () => {
      if (document.hidden && !signal.aborted) return;
      document.removeEventListener("visibilitychange", done);
      signal.removeEventListener("abort", done);
      resolve();
    };
    document.addEventListener("visibilitychange", done);
    signal.addEventListener("abort", done);
  });
}

class Feed {
  shown: Shown = { arrivedAt: 0, capturedAt: null, objects: [], waits: false };
  private readonly images = new Set<HTMLImageElement>();
  private address = "";
  private end: AbortController | null = null;

  constructor(private readonly url: string) {}

  get idle(): boolean {
    return this.images.size === 0;
  }

  attach(image: HTMLImageElement): void {
    this.images.add(image);
    if (this.address) image.src = this.address;
    if (this.end === null) {
      this.end = new AbortController();
      void this.follow(this.end.signal);
    }
  }

  detach(image: HTMLImageElement): void {
    if (!this.images.delete(image)) return;
    image.removeAttribute("src");
    if (!this.idle) return;
    this.end?.abort();
    this.end = null;
    URL.revokeObjectURL(this.address);
    this.address = "";
    this.shown = { arrivedAt: 0, capturedAt: null, objects: [], waits: false };
  }

  private async follow(signal: AbortSignal): Promise<void> {
    let waitMs = WAIT_MS_MIN;
    while (!signal.aborted) {
      await visible(signal);
      const before = this.shown.arrivedAt;
      const gaveWay = await this.turn(signal).catch(() => false);
      if (signal.aborted) return;
      waitMs = this.shown.arrivedAt > before ? WAIT_MS_MIN : Math.min(WAIT_MS_MAX, waitMs * 2);
      if (!gaveWay) await pause(waitMs, signal);
    }
  }

  /** One connection, until it ends, fails or gives way; true if it gave way. */
  private async turn(signal: AbortSignal): Promise<boolean> {
    this.shown.waits = slots.taken;
    const release = await slots.acquire(signal);
    const stop = new AbortController();
    const leave = () => stop.abort();
    const hidden = () => document.hidden && stop.abort();
    signal.addEventListener("abort", leave);
    document.addEventListener("visibilitychange", hidden);
    try {
      const response = await fetch(this.url, { signal: stop.signal, credentials: "same-origin", cache: "no-store" });
      const boundary = boundaryOf(response.headers.get("content-type"));
      if (!response.ok || boundary === null || response.body === null) return false;
      return await this.read(response.body.getReader(), new PartReader(boundary));
    } finally {
      stop.abort();
      signal.removeEventListener("abort", leave);
      document.removeEventListener("visibilitychange", hidden);
      release();
    }
  }

  private async read(stream: ReadableStreamDefaultReader<Uint8Array>, parts: PartReader): Promise<boolean> {
    const startedAt = Date.now();
    for (;;) {
      const { done, value } = await stream.read();
      if (done) return false;
      const newest = parts.push(value).at(-1);
      if (newest) this.show(newest);
      this.shown.waits = slots.contended;
      if (newest && slots.contended && Date.now() - startedAt >= TURN_MS) return true;
    }
  }

  private show(part: Part): void {
    const before = this.address;
    const type = part.headers.get("content-type") ?? "image/jpeg";
    this.address = URL.createObjectURL(new Blob([part.body], { type: type.startsWith("image/") ? type : "image/jpeg" }));
    for (const image of this.images) image.src = this.address;
    // The picture before may still be decoding, so its bytes stay a moment longer.
    setTimeout(() => URL.revokeObjectURL(before), 1_000);
    const captured = Number(part.headers.get("x-captured-at") ?? Number.NaN);
    this.shown = {
      arrivedAt: Date.now(),
      capturedAt: Number.isFinite(captured) ? captured : null,
      objects: objectsOf(part.headers.get("x-objects")),
      waits: slots.contended,
    };
  }
}

const FEEDS_KEPT = 256;
const feeds = new Map<string, Feed>();

/** The feed of one preview; the same one for everybody who looks at it. */
export function feedOf(deployment: string, filter: string): Feed {
  const url = previewAddress(deployment, filter);
  const known = feeds.get(url);
  if (known) return known;
  if (feeds.size >= FEEDS_KEPT) for (const [key, feed] of feeds) if (feed.idle) feeds.delete(key);
  const made = new Feed(url);
  feeds.set(url, made);
  return made;
}
