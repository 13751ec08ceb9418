// The module for bundled apps, which have no global that a script tag could watch: three calls, and where results go.

import { watchRequests } from "./asked";
import { watchProgress } from "./client_view";
import { deliverKept, sendTo } from "./delivery";
import { newJoin, ticketOf, type Outcome, type View } from "./join";
import { quietly } from "./quietly";
import { remember } from "./receipts";
import { noteReply } from "./replies";

export { watchJoin } from "./sdk";
export type { Outcome, View };

/** A signature and the value of the Join-Receipt header that came with it. */
export interface ReceivedSignature {
  receipt: string;
  signature: string;
}

/** How a join ended that the page itself has watched. */
export interface JoinResult {
  outcome: Outcome;
  /** The very string that was passed to join: it finds the receipt, and stays in the page. */
  signature: string;
  meetingNumber?: string | number;
  /** What the SDK gave to the error callback, or rejected with. */
  error?: unknown;
  /** When join was called, in milliseconds of `performance.now()`. */
  calledAt?: number;
  view?: View;
  sdkVersion?: string;
}

/**
 * Where results go: the URL of joinwatch's `/join-results`. To be called once, before the first join; it also delivers
 * what earlier pages could not.
 */
export function configure({ endpoint }: { endpoint: string | URL }): void {
  quietly(watchRequests);
  quietly(watchProgress);
  quietly(() => {
    sendTo(new URL(endpoint, location.href).href);
    deliverKept();
  });
}

/**
 * Keeps the receipt of a signature: of the reply of `fetch`, before or after its body was asked for elsewhere (it is
 * cloned here, so not after it was read), or by hand where the page got it otherwise. Returns what it was given.
 */
export function watchSignature<T extends Response | ReceivedSignature>(source: T): T {
  quietly(() => {
    if (source instanceof Response) noteReply(source);
    else remember(source.receipt, source.signature, performance.now());
  });
  return source;
}

/** Reports a join that was not watched by `watchJoin`. */
export function report(result: JoinResult): void {
  quietly(() => {
    const { outcome, signature, meetingNumber, view = "other", sdkVersion, calledAt, error } = result;
    newJoin(view, ticketOf({ signature, meetingNumber }), sdkVersion, calledAt, calledAt ?? NaN).end(outcome, error);
  });
}
