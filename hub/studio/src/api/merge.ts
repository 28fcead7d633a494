/** Pure merging of stream messages into cached answers. */
import type { HubEvent, Node } from "./types";

/** Replace known nodes in place and drop removed ones; keeps identity of what did not change. */
export function mergeNodes(items: Node[], upserts: Map<string, Node>, removed: Set<string>): Node[] {
  return items.filter((node) => !removed.has(node.id)).map((node) => upserts.get(node.id) ?? node);
}

/** Replace known items in place, put new ones in front, drop removed ones. */
export function mergeById<T extends { id: string }>(items: T[], upserts: T[], removed: readonly string[]): T[] {
  const gone = new Set(removed);
  const fresh = new Map(upserts.map((item) => [item.id, item]));
  const known = new Set(items.map((item) => item.id));
  const kept = items.filter((item) => !gone.has(item.id)).map((item) => fresh.get(item.id) ?? item);
  return [...upserts.filter((item) => !known.has(item.id)), ...kept];
}

/** Newest first, each event once, at most `limit`. */
export function mergeEvents(known: HubEvent[], fresh: HubEvent[], limit: number): HubEvent[] {
  const byId = new Map<string, HubEvent>();
  for (const event of [...known, ...fresh]) byId.set(String(event.id), event);
  return [...byId.values()].sort((a, b) => Date.parse(b.at) - Date.parse(a.at)).slice(0, limit);
}

/** Milliseconds before reconnection `attempt` (0-based): exponential to 20 s, with full jitter. */
export function backoffMs(attempt: number, random: () => number): number {
  const ceiling = Math.min(20_000, 500 * 2 ** Math.min(attempt, 10));
  return ceiling * (0.5 + random() / 2);
}
