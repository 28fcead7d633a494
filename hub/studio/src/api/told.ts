/** Answers and the stream come by two connections, and the stream tells only what differs from what it told last. */
import type { QueryClient, QueryKey } from "@tanstack/react-query";
import type { Stream, Watched } from "./stream";

/**
 * The answer, while the stream does not carry `topic`; else what it has told so far, `joined` to the answer.
 *
 * An answer may show a moment that the stream left out: what held before it and holds again after it is never told.
 */
export async function asTold<T>(
  client: QueryClient,
  stream: Stream | null,
  topic: Watched,
  key: QueryKey,
  ask: () => Promise<T>,
  joined: (answer: T, told: T) => T = (_, told) => told,
): Promise<T> {
  const answer = await ask();
  const told = stream?.carries(topic) ? client.getQueryData<T>(key) : undefined;
  return told === undefined ? answer : joined(answer, told);
}
