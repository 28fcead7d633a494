import type { Labels } from "../api/types";

/** `a=1, b=2` to labels; `wrong` holds the first part that is not name=value. */
export function parseLabels(text: string): { labels: Labels; wrong: string | null } {
  const labels: Labels = {};
  for (const part of text.split(/[,，\n]/).map((piece) => piece.trim()).filter(Boolean)) {
    const at = part.search(/[=:]/);
    const name = part.slice(0, at).trim();
    const value = part.slice(at + 1).trim();
    if (at < 1 || !name || !value) return { labels, wrong: part };
    labels[name] = value;
  }
  return { labels, wrong: null };
}

export function formatLabels(labels: Labels): string {
  return Object.entries(labels)
    .map(([name, value]) => `${name}=${value}`)
    .join(", ");
}
