// Which receipt came with which signature: in this page's memory, then in its storage, never "the last one seen".

import { bare, digest } from "./digest";
import { all, isRecent, read, write, type Area } from "./storage";

/** A receipt and when its reply came. `mono` is this document's clock, and missing where another document received it. */
interface Kept {
  receipt: string;
  /** The digest of the signature exactly as it was received. */
  exact: string;
  /** Epoch milliseconds of this machine. */
  wall: number;
  mono?: number;
}

/** The receipt of a signature that was joined with, and whether it is still as it was received. */
export interface Match extends Kept {
  intact: boolean;
}

const KIND = "joinwatch:receipt:";
const AREAS: Area[] = ["sessionStorage", "localStorage"];
const MAX_KEPT = 16;
const MAX_STRINGS = 32;
const MAX_STORED = 4;
const TOKEN = /^[\w-]{9,}\.[\w-]{9,}\./;

const memory = new Map<string, Kept>();

/**
 * Strings of a reply that may be the signature: with 40 letters and digits, wherever they stand in JSON, as they are and
 * cut free of what surrounds them (a URL, HTML, quotes).
 */
export function strings(text: string): Set<string> {
  const found = new Set<string>();
  const add = (leaf: string): void => {
    for (const one of [leaf, ...(leaf.match(/[\w.+/%-]{40,}=*/g) ?? [])]) {
      if (bare(one).length > 39) found.add(one);
    }
  };
  try {
    // The reviver is given every value.
    JSON.parse(text, (_key, value: unknown) => {
      if (typeof value === "string") add(value);
      return value;
    });
  } catch {
    add(text);
  }
  return found;
}

/** Keeps the receipt of a reply for each string in it that may be the signature. `mono`: when the reply came. */
export function remember(receipt: string, text: string, mono: number): void {
  const wall = Date.now() - performance.now() + mono;
  // What looks like a token first: of a reply with many strings few are kept.
  const found = [...strings(text)].sort((one, other) => +TOKEN.test(other) - +TOKEN.test(one));
  for (const [index, signature] of found.slice(0, MAX_STRINGS).entries()) {
    // Out of a cache the same reply comes again: it is as old as it was.
    if (find(signature)?.receipt === receipt) continue;
    const key = KIND + digest(bare(signature));
    const kept = { receipt, exact: digest(signature), wall };
    memory.set(key, { ...kept, mono });
    for (const area of index < MAX_STORED ? AREAS : []) {
      write(area, key, kept);
      // The newest stay. Listing them also removes what is older than two days.
      for (const [old] of all(area, KIND).slice(0, -MAX_KEPT)) write(area, old);
    }
  }
}

/** The receipt that came with this very signature, also if the page has altered its punctuation since. */
export function find(given: unknown): Match | undefined {
  const signature = `${given}`;
  const key = KIND + digest(bare(signature));
  const kept = memory.get(key) ?? AREAS.map((area) => read<Kept>(area, key)).find((one) => one && isRecent(one));
  return kept ? { ...kept, intact: kept.exact === digest(signature) } : undefined;
}
