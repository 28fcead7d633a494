import { expect, test } from "vitest";
import { makerOf, type Token } from "./data";
import { settingsTexts } from "./texts";

function flat(tree: object, path = ""): [string, string][] {
  return Object.entries(tree).flatMap(([key, value]): [string, string][] => (typeof value === "string" ? [[path + key, value]] : flat(value as object, `${path}${key}.`)));
}

test("both languages hold the same texts with the same blanks", () => {
  const blanks = (text: string) => [...text.matchAll(/{{(\w+)}}/g)].map((match) => match[1]).sort();
  const chinese = new Map(flat(settingsTexts.zh));
  for (const [key, text] of flat(settingsTexts.en)) expect([key, blanks(chinese.get(key) ?? "")]).toEqual([key, blanks(text)]);
});

test("who made a token is a user, an account of the hub's machine, or not known", () => {
  const by = (created_by: string) => makerOf({ created_by } as Token);
  expect(by("owner")).toEqual({ name: "owner", isLocal: false });
  expect(by("local:root")).toEqual({ name: "root", isLocal: true });
  expect(by("")).toBeNull();
});
