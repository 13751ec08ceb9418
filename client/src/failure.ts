// Copies the SDK's error object by hand: known fields, short, without what the user or the page put into it.

import { quietly } from "./quietly";

const FIELDS = ["type", "method", "status", "errorCode", "result", "reason", "errorMessage", "name", "message"] as const;

export type Failure = Partial<Record<(typeof FIELDS)[number], string | number | boolean | null>>;

/** URLs, e-mail addresses, JWTs, meeting and phone numbers. joinwatch looks again, with finer rules. */
const PRIVATE = /\S*(?:@|:\/\/|eyJ)\S*|\d[\d\s./-]{7,}\d/g;
const WORD = /[\p{L}\p{N}]+/gu;
const REMOVED = "[removed]";

/** What a page passed to join, names, passcodes, tokens and numbers, as one text: an error's may repeat it. */
export function valuesOf(options: unknown): string {
  return Object.values(Object(options) as object).filter((value) => /string|number/.test(typeof value)).join(" ");
}

/** What may be told of an error: of an object the known fields, of anything else its text as `message`. */
export function failureOf(error: unknown, values: string): Failure {
  const source = (error === Object(error) ? error : { message: error && String(error) }) as Failure;
  // Word by word, in any case: the user "Al" is not in "Fail".
  const words: string[] = values.toUpperCase().match(WORD) ?? [];
  const copy: Failure = {};
  for (const field of FIELDS) {
    const value = quietly(() => source[field]);
    if (typeof value === "string") {
      const known = (word: string): string => (words.includes(word.toUpperCase()) ? REMOVED : word);
      // URLs and forms spell names otherwise; what is cut off in the middle of a letter goes.
      const plain = value.slice(0, 2000).replace(/(%[\da-f]{2})+/gi, (letters) => quietly(() => decodeURIComponent(letters)) ?? " ");
      copy[field] = plain.replace(WORD, known).replace(PRIVATE, REMOVED).slice(0, 200);
    } else if (value === null || /number|boolean/.test(typeof value)) {
      // A longer number may be a passcode, or a meeting's.
      copy[field] = Math.abs(value as number) < 1e5 ? value! : REMOVED;
    }
  }
  return copy;
}
