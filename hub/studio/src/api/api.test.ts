import { QueryClient } from "@tanstack/react-query";
import { afterEach, expect, test, vi } from "vitest";
import { ApiError, call } from "./client";
import { patched } from "./liveList";
import { backoffMs, mergeById, mergeEvents, mergeNodes } from "./merge";
import { Stream, type StreamHandlers, streamUrl } from "./stream";
import { asTold } from "./told";
import { type HubEvent, isReached, mayChange, type Node, NODE_STATES, type Session } from "./types";

afterEach(() => vi.unstubAllGlobals());

function answer(status: number, body: unknown, headers: Record<string, string> = {}) {
  const send = vi.fn(async (_url: string, _init: RequestInit) => {
    const text = body === null ? null : JSON.stringify(body);
    return new Response(text, { status, headers });
  });
  vi.stubGlobal("fetch", send);
  return send;
}

function node(id: string, name = id): Node {
  const empty = { labels: {}, resources: [], devices: [], addresses: [] };
  const base = { tenant: "t", project: "p", state: "online", version: "1", enrolled_at: null, last_seen_at: null };
  return { id, name, ...base, ...empty } as Node;
}

test("an unsafe call carries the header against cross-site requests and the version it changes", async () => {
  const send = answer(200, {}, { etag: '"2"' });
  const { etag } = await call("PATCH", "/nodes/a", { body: { name: "b" }, ifMatch: '"1"' });
  const [url, init] = send.mock.calls[0]!;
  expect(url).toBe("/api/v1/nodes/a");
  expect(init.headers).toMatchObject({ "X-Cantor-Request": "1", "If-Match": '"1"' });
  expect(etag).toBe('"2"');
});

test("a refusal carries the hub's own words and its trace", async () => {
  answer(410, { title: "Used", detail: "This link was used.", trace_id: "t1" });
  const error: unknown = await call("POST", "/sign-in", { body: {} }).catch((reason: unknown) => reason);
  expect(error).toMatchObject({ status: 410, title: "Used", detail: "This link was used.", traceId: "t1" });
});

test("a hub that does not answer is told apart from one that refuses", async () => {
  vi.stubGlobal("fetch", async () => {
    throw new TypeError("refused");
  });
  const error: unknown = await call("GET", "/session").catch((reason: unknown) => reason);
  expect(error instanceof ApiError && error.unreachable).toBe(true);
});

test("a hub that says why it cannot serve has answered; a gateway without words has not", () => {
  expect(new ApiError(503, "No pipelines", "this hub runs no pipelines").unreachable).toBe(false);
  expect(new ApiError(503, "Service Unavailable", "").unreachable).toBe(true);
});

test("an empty answer is no error", async () => {
  answer(204, null);
  expect((await call("POST", "/sign-out")).data).toBeUndefined();
});

test("a delta replaces known nodes in place and drops removed ones", () => {
  const [a, b, c] = [node("a"), node("b"), node("c")];
  const merged = mergeNodes([a, b, c], new Map([["b", node("b", "new")]]), new Set(["c"]));
  expect(merged.map((one) => one.name)).toEqual(["a", "new"]);
  expect(merged[0]).toBe(a);
});

test("events are kept newest first, once, up to the limit", () => {
  const event = (id: number) => ({ id, at: new Date(id * 1000).toISOString() }) as HubEvent;
  expect(mergeEvents([event(1), event(2)], [event(2), event(3)], 2).map((one) => one.id)).toEqual([3, 2]);
});

test("reconnection waits longer each time, never beyond twenty seconds", () => {
  expect(backoffMs(0, () => 1)).toBe(500);
  expect(backoffMs(50, () => 1)).toBe(20_000);
  expect(backoffMs(50, () => 0)).toBe(10_000);
});

function stream() {
  const socket = { close: vi.fn(), send: vi.fn(), onopen: null as unknown, onmessage: null as unknown, onclose: null as unknown };
  const handlers = { onState: vi.fn(), onNodes: vi.fn(), onEvents: vi.fn(), onDeployments: vi.fn() } satisfies StreamHandlers;
  const made = new Stream("ws://hub", handlers, () => socket as unknown as WebSocket);
  made.start();
  const say = (message: unknown) =>
    (socket.onmessage as (event: { data: string }) => void)({ data: JSON.stringify(message) });
  return { socket, handlers, say, stream: made };
}

test("the stream hands on a snapshot and the deltas that follow it", () => {
  const { handlers, say } = stream();
  say({ type: "hello", protocol: 1 });
  say({ type: "snapshot", topic: "nodes", seq: 4, items: [node("a")] });
  say({ type: "delta", topic: "nodes", seq: 5, upserts: [node("b")], removed: ["a"] });
  expect(handlers.onNodes).toHaveBeenLastCalledWith([node("b")], ["a"], false);
  expect(handlers.onState).toHaveBeenLastCalledWith("live");
});

test("deployments are asked for only while somebody looks at them", () => {
  vi.useFakeTimers();
  const { socket, handlers, say, stream: live } = stream();
  const asked = () => socket.send.mock.calls.map(([text]) => JSON.parse(String(text)).topics);
  (socket.onopen as () => void)();
  const [first, second] = [live.watch("deployments"), live.watch("deployments")];
  say({ type: "snapshot", topic: "deployments", seq: 1, items: [{ id: "a" }] });
  expect(handlers.onDeployments).toHaveBeenLastCalledWith([{ id: "a" }], [], true);
  first();
  first();
  expect(asked()).toEqual([["nodes", "events"], ["nodes", "events", "deployments"]]);
  second();
  const third = live.watch("deployments");
  vi.runAllTimers();
  expect(asked()).toHaveLength(2);
  third();
  vi.runAllTimers();
  expect(asked().at(-1)).toEqual(["nodes", "events"]);
  vi.useRealTimers();
});

test("deployments that appear come first, the others keep their place", () => {
  const merged = mergeById([{ id: "a" }, { id: "b" }], [{ id: "c" }, { id: "b" }], ["a"]);
  expect(merged.map((one) => one.id)).toEqual(["c", "b"]);
});

test("a gap in the sequence asks for a new snapshot by reconnecting", () => {
  const { socket, handlers, say } = stream();
  say({ type: "snapshot", topic: "nodes", seq: 4, items: [] });
  say({ type: "delta", topic: "nodes", seq: 7, upserts: [node("b")], removed: [] });
  expect(socket.close).toHaveBeenCalledOnce();
  expect(handlers.onNodes).toHaveBeenCalledOnce();
});

test("the stream is encrypted exactly when the page is", () => {
  expect(streamUrl({ protocol: "https:", host: "hub:1" })).toBe("wss://hub:1/api/v1/stream");
  expect(streamUrl({ protocol: "http:", host: "hub:1" })).toBe("ws://hub:1/api/v1/stream");
});

test("whoever watches the mesh hears it whole first, then what changes, and nothing afterwards", () => {
  const { socket, say, stream: live } = stream();
  const hear = vi.fn();
  (socket.onopen as () => void)();
  const leave = live.watch("mesh", hear);
  expect(JSON.parse(String(socket.send.mock.calls.at(-1)?.[0])).topics).toEqual(["nodes", "events", "mesh"]);
  say({ type: "snapshot", topic: "mesh", seq: 1, items: [{ id: "a" }] });
  say({ type: "delta", topic: "mesh", seq: 2, upserts: [], removed: ["a"] });
  leave();
  say({ type: "delta", topic: "mesh", seq: 3, upserts: [{ id: "b" }], removed: [] });
  expect(hear.mock.calls).toEqual([
    [[{ id: "a" }], [], true],
    [[], ["a"], false],
  ]);
});

test("a live list begins with a snapshot or an answer; what changes goes into it", () => {
  const [a, b] = [node("a"), node("b")];
  expect(patched(undefined, [a], [], false)).toBeUndefined();
  expect(patched(undefined, [a], [], true)).toEqual({ items: [a] });
  expect(patched({ items: [a] }, [b], ["a"], false)).toEqual({ items: [b] });
  expect(patched({ items: [a] }, [b], [], true)).toEqual({ items: [b] });
});

test("while the stream carries a topic, answers about it are not shown: they may show what it left out", async () => {
  const client = new QueryClient();
  const { socket, say, stream: live } = stream();
  (socket.onopen as () => void)();
  live.watch("mesh", (rows) => client.setQueryData(["mesh"], rows));
  const ask = () => asTold<unknown>(live, "mesh", async () => "answer", () => client.getQueryData(["mesh"]));
  client.setQueryData(["mesh"], "asked before");
  expect(await ask()).toBe("answer");
  say({ type: "snapshot", topic: "mesh", seq: 1, items: ["told"] });
  expect(await ask()).toEqual(["told"]);
  (socket.onclose as () => void)();
  expect(await ask()).toBe("answer");
  live.close();
});

test("a node that is there is online or late", () => {
  expect(NODE_STATES.filter(isReached)).toEqual(["online", "stale"]);
});

test("who may only look is offered nothing to change, nor is anybody before the session is known", () => {
  const session = (role: string) => ({ user: { name: "ann", role } }) as Session;
  expect(["owner", "operator", "viewer", "annotator", "auditor"].filter((role) => mayChange(session(role)))).toEqual(["owner", "operator"]);
  expect(mayChange(undefined)).toBe(false);
});
