/** The ticket in a pasted link, in its fragment, or bare; null when there is none. */
export function ticketFrom(text: string): string | null {
  const words = text.trim();
  const at = words.indexOf("ticket=");
  const ticket = at >= 0 ? (words.slice(at + 7).split("&")[0] ?? "") : words;
  return /^[\w.~+=-]{8,512}$/.test(ticket) ? ticket : null;
}
