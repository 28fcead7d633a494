/** Reads multipart/x-mixed-replace: pictures with headers, one after the other, without an end. */

const HEADERS_BYTES_MAX = 16 * 1024;
const PART_BYTES_MAX = 16 * 1024 * 1024;
const BLANK_LINE = [13, 10, 13, 10];

export interface Part {
  headers: Headers;
  body: Uint8Array<ArrayBuffer>;
}

/** The boundary out of a content type, or null if it is another type. */
export function boundaryOf(contentType: string | null): string | null {
  const found = /^multipart\/x-mixed-replace\b.*?boundary=(?:"([^"]+)"|([^;\s]+))/i.exec(contentType ?? "");
  return found?.[1] ?? found?.[2] ?? null;
}

function indexOf(bytes: Uint8Array, wanted: readonly number[], from: number): number {
  const first = wanted[0] ?? 0;
  for (let at = bytes.indexOf(first, from); at >= 0; at = bytes.indexOf(first, at + 1)) {
    if (at + wanted.length > bytes.length) return -1;
    if (wanted.every((byte, offset) => bytes[at + offset] === byte)) return at;
  }
  return -1;
}

function parseHeaders(text: string): Headers {
  const headers = new Headers();
  for (const line of text.split("\r\n")) {
    const colon = line.indexOf(":");
    if (colon < 1) continue;
    try {
      headers.append(line.slice(0, colon).trim(), line.slice(colon + 1).trim());
    } catch {
      // A header that the browser refuses tells nothing that is needed.
    }
  }
  return headers;
}

/** Give it pieces as they come; it gives back the parts that are complete. */
export class PartReader {
  private rest: Uint8Array<ArrayBuffer> = new Uint8Array(0);
  private readonly delimiter: number[];

  constructor(boundary: string) {
    // Some servers name a boundary that already begins with the two dashes.
    const marker = boundary.startsWith("--") ? boundary : `--${boundary}`;
    this.delimiter = [...new TextEncoder().encode(marker)];
  }

  push(piece: Uint8Array): Part[] {
    const joined = new Uint8Array(this.rest.length + piece.length);
    joined.set(this.rest);
    joined.set(piece, this.rest.length);
    this.rest = joined;
    const parts: Part[] = [];
    for (let part = this.take(); part !== null; part = this.take()) parts.push(part);
    return parts;
  }

  private take(): Part | null {
    const start = indexOf(this.rest, this.delimiter, 0);
    if (start < 0) return this.wait();
    const head = start + this.delimiter.length;
    const blank = indexOf(this.rest, BLANK_LINE, head);
    if (blank < 0) return this.wait();
    const headers = parseHeaders(new TextDecoder().decode(this.rest.subarray(head, blank)));
    const body = blank + BLANK_LINE.length;
    const end = this.endOf(headers, body);
    if (end === null) return this.wait();
    const part = { headers, body: this.rest.slice(body, end) };
    this.rest = this.rest.slice(end);
    return part;
  }

  private endOf(headers: Headers, body: number): number | null {
    const length = headers.get("content-length");
    if (length !== null && /^\d{1,9}$/.test(length)) {
      const end = body + Number(length);
      return end <= this.rest.length ? end : null;
    }
    const next = indexOf(this.rest, this.delimiter, body);
    return next < 0 ? null : Math.max(body, next - 2);
  }

  private wait(): null {
    if (this.rest.length > PART_BYTES_MAX + HEADERS_BYTES_MAX) throw new RangeError("a part is too large");
    return null;
  }
}
