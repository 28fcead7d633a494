/** The live stream: snapshot, then deltas, per topic; a gap in the sequence asks for a new snapshot. */
import { backoffMs } from "./merge";
import type { Deployment, HubEvent, Node } from "./types";

export type StreamState = "connecting" | "live" | "lost";
const UNWATCH_AFTER_MS = 2_000;
export type Watched = "deployments" | "mesh" | "resources" | "services" | "tasks" | "policy";
type Topic = "nodes" | "events" | Watched;
/** Hears what came of a topic: all of it, or what is new and what is gone. */
type Listener = (rows: unknown[], removed: string[], whole: boolean) => void;

interface Snapshot {
  type: "snapshot";
  topic: string;
  seq: number;
  items: unknown[];
}

interface Delta {
  type: "delta";
  topic: string;
  seq: number;
  upserts: unknown[];
  removed: string[];
}

export interface StreamHandlers {
  onState(state: StreamState): void;
  onNodes(upserts: Node[], removed: string[], whole: boolean): void;
  onEvents(events: HubEvent[], whole: boolean): void;
  onDeployments(upserts: Deployment[], removed: string[], whole: boolean): void;
}

export type SocketFactory = (url: string) => WebSocket;

function parse(data: unknown): Snapshot | Delta | { type: "other" } {
  if (typeof data !== "string") return { type: "other" };
  let message: unknown;
  try {
    message = JSON.parse(data);
  } catch {
    return { type: "other" };
  }
  if (typeof message !== "object" || message === null) return { type: "other" };
  const fields = message as Record<string, unknown>;
  const { type, topic, seq } = fields;
  if (typeof topic !== "string" || typeof seq !== "number") return { type: "other" };
  if (type === "snapshot" && Array.isArray(fields["items"])) {
    return { type, topic, seq, items: fields["items"] };
  }
  if (type === "delta") {
    const upserts = Array.isArray(fields["upserts"]) ? fields["upserts"] : [];
    const removed = Array.isArray(fields["removed"]) ? fields["removed"].map(String) : [];
    return { type, topic, seq, upserts, removed };
  }
  return { type: "other" };
}

/** Keeps one WebSocket open until closed; reconnects with jittered backoff. */
export class Stream {
  private socket: WebSocket | null = null;
  private timer: ReturnType<typeof setTimeout> | null = null;
  private attempt = 0;
  private closed = false;
  private ready = false;
  private readonly watchers = new Map<Watched, Set<{ tell: Listener }>>();
  /** The topics asked for on this connection, as a text; null before anything is. */
  private asked: string | null = null;
  private readonly sequences = new Map<string, number>();

  constructor(
    private readonly url: string,
    private readonly handlers: StreamHandlers,
    private readonly open: SocketFactory = (address) => new WebSocket(address),
    private readonly random: () => number = Math.random,
  ) {}

  start(): void {
    this.handlers.onState(this.attempt === 0 ? "connecting" : "lost");
    this.sequences.clear();
    this.ready = false;
    this.asked = null;
    const socket = this.open(this.url);
    this.socket = socket;
    socket.onopen = () => {
      this.ready = true;
      this.subscribe();
    };
    socket.onmessage = (message: MessageEvent) => this.receive(message.data);
    socket.onclose = () => {
      if (this.socket === socket) this.retry();
    };
  }

  /** What carries figures that change all the time is asked for only while it is shown. */
  watch(topic: Watched, tell: Listener = () => undefined): () => void {
    const watcher = { tell };
    const watchers = this.watchers.get(topic) ?? new Set();
    this.watchers.set(topic, watchers.add(watcher));
    this.subscribe();
    return () => {
      // Whoever goes from page to page leaves one moment before arriving at the next.
      if (watchers.delete(watcher) && watchers.size === 0) setTimeout(() => this.subscribe(), UNWATCH_AFTER_MS);
    };
  }

  /** Whether a snapshot of the topic has come and its deltas follow. */
  carries(topic: Topic): boolean {
    return this.sequences.has(topic);
  }

  private subscribe(): void {
    const watched = [...this.watchers].filter(([, watchers]) => watchers.size > 0).map(([topic]) => topic);
    const topics: Topic[] = ["nodes", "events", ...watched.sort()];
    if (!this.ready || this.closed || this.asked === topics.join()) return;
    this.asked = topics.join();
    for (const topic of this.sequences.keys()) if (!(topics as string[]).includes(topic)) this.sequences.delete(topic);
    this.socket?.send(JSON.stringify({ type: "subscribe", topics }));
  }

  close(): void {
    this.closed = true;
    if (this.timer !== null) clearTimeout(this.timer);
    const socket = this.socket;
    this.socket = null;
    socket?.close();
  }

  private retry(): void {
    if (this.closed) return;
    this.ready = false;
    this.sequences.clear();
    this.handlers.onState("lost");
    this.timer = setTimeout(() => this.start(), backoffMs(this.attempt, this.random));
    this.attempt += 1;
  }

  private receive(data: unknown): void {
    const message = parse(data);
    if (message.type === "other") return;
    if (message.type === "delta") {
      const last = this.sequences.get(message.topic);
      if (last === undefined || message.seq <= last) return;
      if (message.seq !== last + 1) {
        this.socket?.close();
        return;
      }
    }
    this.sequences.set(message.topic, message.seq);
    this.attempt = 0;
    this.handlers.onState("live");
    const whole = message.type === "snapshot";
    const rows = whole ? message.items : message.upserts;
    const removed = whole ? [] : message.removed;
    if (message.topic === "nodes") this.handlers.onNodes(rows as Node[], removed, whole);
    if (message.topic === "deployments") this.handlers.onDeployments(rows as Deployment[], removed, whole);
    for (const { tell } of this.watchers.get(message.topic as Watched) ?? []) tell(rows, removed, whole);
    if (message.topic === "events") this.handlers.onEvents(rows as HubEvent[], whole);
  }
}

export function streamUrl(place: { protocol: string; host: string }): string {
  return `${place.protocol === "https:" ? "wss" : "ws"}://${place.host}/api/v1/stream`;
}
