import { expect, test } from "vitest";
import { makerOf, type Token } from "./data";

test("who made a token is a user, an account of the hub's machine, or not known", () => {
  const by = (created_by: string) => makerOf({ created_by } as Token);
  expect(by("owner")).toEqual({ name: "owner", isLocal: false });
  expect(by("local:root")).toEqual({ name: "root", isLocal: true });
  expect(by("")).toBeNull();
});
