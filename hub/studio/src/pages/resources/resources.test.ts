import { expect, test } from "vitest";
import { pointed, shares, split, units } from "./format";
import type { MeshResource } from "./types";

function resource(name: string, kind: MeshResource["kind"]): MeshResource {
  return { id: `${kind}:${name}`, name, kind, unit: "", total: 0, taken: 0, free: 0, waiting: 0, shared: 0, values: [], nodes: 1, away: 0 };
}

test("quantities and conditions stand apart, hardware first, each once", () => {
  const items = [resource("os", "condition"), resource("CPU", "quantity"), resource("GPU", "condition"), resource("Licence", "quantity"), resource("GPU", "quantity")];
  const { quantities, conditions } = split(items);
  expect(quantities.map(({ id }) => id)).toEqual(["quantity:GPU", "quantity:Licence", "quantity:CPU"]);
  expect(conditions.map(({ id }) => id)).toEqual(["condition:GPU", "condition:os"]);
});

test("a bar is never more than whole, and nothing of nothing is none", () => {
  expect(shares(4, 1)).toEqual({ taken: 25, elsewhere: 0 });
  expect(shares(8, 2, 4)).toEqual({ taken: 25, elsewhere: 50 });
  expect(shares(2, 3, 4)).toEqual({ taken: 100, elsewhere: 0 });
  expect(shares(0, 0)).toEqual({ taken: 0, elsewhere: 0 });
});

test("a mistake is shown at its sign, also past the end and after wide signs", () => {
  expect(pointed("GPU = 1 and", 12)).toEqual({ before: "GPU = 1 and", sign: " ", after: "" });
  expect(pointed('a == "相机" & b', 11)).toEqual({ before: 'a == "相机" ', sign: "&", after: " b" });
  expect(pointed("𝒳 == 1", 1)).toEqual({ before: "", sign: "𝒳", after: " == 1" });
});

test("amounts have their unit", () => {
  expect([units(2 ** 31, "B"), units(3, ""), units(0.5, "cores")]).toEqual(["2 GiB", "3", "0.5"]);
});
