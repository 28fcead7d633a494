/** Pure merging of stream messages into cached answers. */
import type { HubEvent, Node } from "./types";

/** Replace known nodes in place and drop removed ones; keeps identity of what did not change. */
export function mergeNodes(items: Node[], upserts: Map<string, Node>, removed: Set<string>): Node[] {
  return items.filter((node) => !removed.has(node.id)).map((node) => upserts.get(node.id) ?? node);
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
