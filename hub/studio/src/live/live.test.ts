import { expect, test } from "vitest";
import { feedOf, objectsOf } from "./feed";
import { boundaryOf, PartReader } from "./multipart";
import { Slots } from "./slots";

const bytes = (text: string) => new TextEncoder().encode(text);
const text = (body: Uint8Array) => new TextDecoder().decode(body);
const part = (body: string, length = true) =>
  `--frame\r\nContent-Type: image/jpeg\r\n${length ? `Content-Length: ${body.length}\r\n` : ""}X-Captured-At: 12.5\r\n\r\n${body}\r\n`;

test("the boundary is read bare and quoted, and from this type only", () => {
  expect(boundaryOf("multipart/x-mixed-replace; boundary=frame")).toBe("frame");
  expect(boundaryOf('multipart/x-mixed-replace;boundary="a b"')).toBe("a b");
  expect(boundaryOf("text/html; boundary=frame")).toBeNull();
  expect(boundaryOf(null)).toBeNull();
});

test("parts come out whole however the bytes are cut, also when a picture holds the boundary", () => {
  const whole = bytes(part("one") + part("t--framewo") + part(""));
  for (let size = 1; size < 40; size += 1) {
    const reader = new PartReader("frame");
    const found: string[] = [];
    for (let at = 0; at < whole.length; at += size) {
      found.push(...reader.push(whole.subarray(at, at + size)).map((one) => text(one.body)));
    }
    expect(found).toEqual(["one", "t--framewo", ""]);
  }
});

test("without a length the next boundary ends a part", () => {
  const reader = new PartReader("--frame");
  const [first] = reader.push(bytes(part("one", false) + part("two", false)));
  expect(text(first!.body)).toBe("one");
  expect(first!.headers.get("x-captured-at")).toBe("12.5");
});

test("a part without an end is refused instead of filling the memory", () => {
  const reader = new PartReader("frame");
  reader.push(bytes("--frame\r\nContent-Length: 999999999\r\n\r\n"));
  expect(() => {
    for (let megabytes = 0; megabytes < 20; megabytes += 4) reader.push(new Uint8Array(4 * 1024 * 1024));
  }).toThrow(RangeError);
});

test("everybody who looks at a preview shares one feed, also while nobody follows it", () => {
  const feed = feedOf("d1", "preview");
  expect(feedOf("d2", "preview")).not.toBe(feed);
  expect(feedOf("d1", "preview")).toBe(feed);
});

test("objects are counted by label, most first, and nonsense is left out", () => {
  expect(objectsOf('{"dent": 1, "ok": 4, "x": "y"}')).toEqual([["ok", 4], ["dent", 1]]);
  expect(objectsOf("[")).toEqual([]);
  expect(objectsOf(null)).toEqual([]);
});

test("pictures beyond the limit wait for their turn, in order, and may leave", async () => {
  const slots = new Slots(1);
  const forever = new AbortController().signal;
  expect(slots.taken).toBe(false);
  const first = await slots.acquire(forever);
  expect(slots.taken).toBe(true);
  const leaving = new AbortController();
  const left = slots.acquire(leaving.signal);
  const second = slots.acquire(forever);
  expect(slots.contended).toBe(true);
  leaving.abort();
  await expect(left).rejects.toBeDefined();
  first();
  first();
  (await second)();
  expect(slots.contended).toBe(false);
  await slots.acquire(forever);
});
