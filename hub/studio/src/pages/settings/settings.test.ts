import { expect, test } from "vitest";
import { makerOf } from "./data";

test("whose doing it was is a user, an account of a machine, or not known", () => {
  expect(makerOf("owner")).toEqual({ name: "owner", isLocal: false });
  expect(makerOf("local:root")).toEqual({ name: "root", isLocal: true });
  expect(makerOf("")).toBeNull();
});
