/** What the hub and the nodes say in English, in the page's language. */
import i18next from "i18next";

interface Pattern {
  find: RegExp;
  blanks: string[];
  /** How much of the sentence is no blank. */
  words: number;
  text: string;
}

const BLANK = /\{(~?)(\w+)(\*?)\}/g;
const exact = new Map<string, string>();
const patterns: Pattern[] = [];
let taught = "";

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}

function patternOf(english: string, text: string): Pattern {
  const blanks: string[] = [];
  let [source, end] = ["", 0];
  for (const { 0: whole, 1: spoken, 2: name = "", 3: any, index } of english.matchAll(BLANK)) {
    blanks.push(spoken ? `~${name}` : name);
    source += escaped(english.slice(end, index)) + (any ? "(.+)" : "((?:(?!; | — |: ).)+?)");
    end = index + whole.length;
  }
  const words = english.replaceAll(BLANK, "").length;
  return { find: new RegExp(`^${source}${escaped(english.slice(end))}$`, "s"), blanks, words, text };
}

/**
 * Teach sentences of `language`, by the English that they stand for.
 *
 * `{name}` is a blank within one part of a sentence, `{name*}` one that may go on past it, and
 * `{~name}` one whose content is a sentence of its own.
 */
export function teach(language: string, sentences: Record<string, string>): void {
  taught = language;
  exact.clear();
  patterns.length = 0;
  for (const [english, text] of Object.entries(sentences)) {
    if (english.search(BLANK) < 0) exact.set(english, text);
    else patterns.push(patternOf(english, text));
  }
  // Whoever says more words is meant before those that would match nearly anything.
  patterns.sort((a, b) => b.words - a.words);
}

function fill({ find, blanks, text }: Pattern, english: string): string | null {
  const found = find.exec(english);
  if (found === null) return null;
  return blanks.reduce((filled, blank, at) => {
    const value = found[at + 1] ?? "";
    const name = blank.replace("~", "");
    return filled.replaceAll(`{${name}}`, () => (blank.startsWith("~") ? (said(value) ?? value) : value));
  }, text);
}

/** Parts on both sides of a mark; null where none of them is known. */
function joined(english: string, mark: string, by: string): string | null {
  const parts = english.split(mark);
  if (parts.length < 2) return null;
  const told = parts.map((part) => said(part));
  return told.some((part) => part !== null) ? told.map((part, at) => part ?? parts[at]).join(by) : null;
}

function said(english: string): string | null {
  const whole = exact.get(english);
  if (whole !== undefined) return whole;
  for (const pattern of patterns) {
    const filled = fill(pattern, english);
    if (filled !== null) return filled;
  }
  const parts = joined(english, " — ", "。") ?? joined(english, "; ", "；");
  if (parts !== null) return parts;
  const remedy = english.endsWith(")") ? english.lastIndexOf(" (") : -1;
  if (remedy > 0) {
    const [what, mend] = [english.slice(0, remedy), english.slice(remedy + 2, -1)];
    const told = [said(what), said(mend)];
    if (told.some((part) => part !== null)) return `${told[0] ?? what}（${told[1] ?? mend}）`;
  }
  // What stands before a colon is a name: a node, a file, a key.
  for (let at = english.indexOf(": "); at > 0; at = english.indexOf(": ", at + 1)) {
    const rest = said(english.slice(at + 2));
    if (rest !== null) return `${english.slice(0, at)}：${rest}`;
  }
  return null;
}

/** The sentence in the page's language; as it came where it is not known. */
export function heard(english: string): string {
  return i18next.language === taught ? (said(english) ?? english) : english;
}
