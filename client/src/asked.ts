// When the SDK asked Zoom, and which version it is, from the browser's resource timing. URLs are looked at, never kept:
// the one of version 2.8.0 holds the signature and the passcode.

import { quietly } from "./quietly";

/** The SDK's request that carries the signature: POST in 6.2.0, a script element (JSONP) in 2.8.0. */
const QUESTION = /^[^?]*\/wc\/info\b/;

/** "https://source.zoom.us/6.2.0/...", "zoom-meeting-embedded-6.2.0.min.js", "…/wc/info?…&cv=2.8.0". */
const VERSION = /(?:source\.zoom\.us\/|zoom-meeting-(?:embedded-)?|\/wc\/info\?.*cv=)(\d+\.\d+\.\d+)/;

const questions: number[] = [];
let version: string | undefined;
let observer: PerformanceObserver | undefined;

function note(entries: PerformanceEntryList): void {
  for (const { name, startTime } of entries) {
    if (QUESTION.test(name)) questions.push(startTime);
    const found = VERSION.exec(name);
    if (found) version = found[1];
  }
}

/** From now on requests are noted; those before it as far as the browser still has them. */
export function watchRequests(): void {
  observer = new PerformanceObserver((list) => note(list.getEntries()));
  observer.observe({ type: "resource", buffered: true });
}

/** When the SDK first asked Zoom after `since`, both of `performance.now()`; undefined where that was not seen. */
export function askedAt(since: number): number | undefined {
  quietly(() => note(observer!.takeRecords()));
  return questions.find((at) => at >= since);
}

/** The SDK's version as its addresses tell it. */
export function versionSeen(): string | undefined {
  return version;
}
