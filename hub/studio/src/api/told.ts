/** Answers and the stream come by two connections, and the stream tells only what differs from what it told last. */
import type { Stream, Watched } from "./stream";

/**
 * The answer, while the stream does not carry `topic`; else what it has `told` so far, if it has told of that.
 *
 * An answer may show a moment that the stream left out: what held before it and holds again after it is never told.
 */
export async function asTold<T>(stream: Stream | null, topic: Watched, ask: () => Promise<T>, told: (answer: T) => T | undefined): Promise<T> {
  const answer = await ask();
  return (stream?.carries(topic) ? told(answer) : undefined) ?? answer;
}
