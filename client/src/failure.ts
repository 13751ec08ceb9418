// Copies the SDK's error object by hand: known fields, short, without what the user or the page put into it.

const FIELDS = ["type", "method", "status", "errorCode", "result", "reason", "errorMessage", "name", "message"] as const;

export type Failure = Partial<Record<(typeof FIELDS)[number], string | number | boolean | null>>;

/** URLs, e-mail addresses, tokens (24 and more characters with a digit among them), meeting and phone numbers. */
const PRIVATE = /\S*(?:@|:\/\/|(?=[\w+/=.-]*\d)[\w+/=.-]{24})\S*|\d[\d .-]{7,}\d/g;

const REMOVED = "[removed]";

/** The options that a page passed to join whose values may turn up in an error's text: names, passcodes, tokens. */
export function secretsOf(options: unknown): string[] {
  return Object.values(Object(options) as object)
    .filter((value) => /^(string|number)$/.test(typeof value))
    .map(String)
    .filter((value) => value.length > 2)
    .sort((one, other) => other.length - one.length);
}

/** What may be told of an error: of an object the known fields, of anything else its text as `message`. */
export function failureOf(error: unknown, secrets: string[]): Failure {
  const source = (error === Object(error) ? error : { message: error === undefined ? null : String(error) }) as Failure;
  const copy: Failure = {};
  for (const field of FIELDS) {
    const value = source[field];
    if (typeof value === "string") {
      let text: string = value;
      for (const secret of secrets) text = text.split(secret).join(REMOVED);
      copy[field] = text.replace(PRIVATE, REMOVED).slice(0, 200);
    } else if (value === null || typeof value === "number" || typeof value === "boolean") {
      copy[field] = value;
    }
  }
  return copy;
}
