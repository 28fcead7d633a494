import { QueryClient } from "@tanstack/react-query";
import { expect, test } from "vitest";
import { daysFrom, effectOf, lateFirst, type MeshPolicy, patchPolicy, type PolicyNode, type PolicySnapshot } from "./policy";

const DAY_MS = 86_400_000;
const NOW = Date.parse("2026-11-26T12:00:00Z");

function node(name: string, changes: Partial<PolicyNode> = {}): PolicyNode {
  return { kind: "node", id: name, name, state: "online", holds: "this", fresh_until: new Date(NOW).toISOString(), ...changes };
}

function policy(changes: Partial<MeshPolicy> = {}): MeshPolicy {
  return {
    kind: "policy", id: "default", stale_days: 35, stale_days_default: 35, revision: 0, decided_at: null, by: "", issuer: null, issuer_name: "", may_decide: true, etag: '"0"', elsewhere: 0, ...changes,
  };
}

test("days are whole numbers in range, typed or stepped", () => {
  expect([daysFrom("7"), daysFrom(" 3650 "), daysFrom(1)]).toEqual([7, 3650, 1]);
  expect(["", "0", "3651", "1.5", "-3", "1e3", "seven", 0, 3651, 2.5, Number.NaN].map(daysFrom)).toEqual(Array(11).fill(null));
});

test("those that have not got it come first, then names", () => {
  const nodes = [node("b"), node("a"), node("d", { holds: "unknown" }), node("c", { holds: "earlier" })];
  expect(lateFirst(nodes).map(({ name }) => name)).toEqual(["c", "d", "a", "b"]);
});

test("fewer days put nodes out that were confirmed too long ago, and more let them back", () => {
  const ago = (days: number) => new Date(NOW - days * DAY_MS).toISOString();
  const nodes = [
    node("fresh"),
    node("edge", { state: "stale", fresh_until: ago(7) }),
    node("just-in", { state: "stale", fresh_until: new Date(NOW - 7 * DAY_MS + 1).toISOString() }),
    node("off", { state: "offline", fresh_until: ago(9) }),
    node("out", { state: "expired", fresh_until: ago(40) }),
    node("unknown", { state: "offline", fresh_until: null }),
  ];
  const names = (days: number) => {
    const { out, back } = effectOf(nodes, days, NOW);
    return [out.map(({ name }) => name), back.map(({ name }) => name)];
  };
  expect(names(7)).toEqual([["edge", "off"], []]);
  expect(names(35)).toEqual([[], []]);
  expect(names(41)).toEqual([[], ["out"]]);
});

test("what the stream says is merged into what was asked", () => {
  const client = new QueryClient();
  const shown = () => client.getQueryData<PolicySnapshot>(["policy"]);
  patchPolicy(client, [node("a")], [], false);
  expect(shown()).toBeUndefined();
  patchPolicy(client, [policy(), node("a"), node("b")], [], true);
  patchPolicy(client, [policy({ revision: 1, stale_days: 7 }), node("a", { holds: "earlier" })], [], false);
  patchPolicy(client, [node("c")], ["b"], false);
  expect(shown()?.policy.stale_days).toBe(7);
  expect(shown()?.nodes.map(({ name, holds }) => [name, holds])).toEqual([["c", "this"], ["a", "earlier"]]);
});
