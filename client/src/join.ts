// One join: from the page's call, or the user's Retry, to what became of it.

import { askedAt, versionSeen } from "./asked";
import { deliver, leaving, type Result } from "./delivery";
import { failureOf, secretsOf, type Failure } from "./failure";
import { quietly } from "./quietly";
import { find } from "./receipts";
import { allRead } from "./replies";

export type Outcome = "joined" | "failed" | "no_result";
export type View = "client" | "component" | "other";

/** What a page passes to join: of all this only the signature and the meeting's number are looked at. */
export interface JoinOptions {
  signature?: unknown;
  meetingNumber?: unknown;
}

/** A join that goes on. */
export interface Join {
  /** How it ended. The first end counts, and one more after "no_result"; a failure told again explains it better. */
  end: (outcome: Outcome, error?: unknown) => void;
  /** The SDK told how far it is: the level of a join-speed event. */
  reached: (level: unknown) => void;
  /** Reports at once what is to be reported; the page goes away. */
  leave: () => void;
}

const SILENCE_MS = 120_000;
/** Clocks that differ by more ran differently: the machine slept, or its clock was set. */
const SLEPT_MS = 1000;

/** Joins of which something is still to be told. */
const open = new Set<Join>();
let handedIn: string | undefined;

/** The receipt that a server put into the page: it counts for signatures that no reply has brought. */
export function useReceipt(receipt: string | undefined): void {
  handedIn = receipt;
}

/**
 * A join begins. It is reported once, or twice where the first was only "no result so far".
 *
 * `since`: requests to Zoom after this are this join's. `called`: when the page called join; NaN for a Retry, of
 * which only the end is known. Both in milliseconds of `performance.now()`.
 */
export function newJoin(
  view: View,
  options: JoinOptions,
  version?: string,
  since: number = performance.now(),
  called: number = since,
): Join {
  const id = randomId();
  const began = { wall: Date.now(), mono: performance.now() };
  let outcome: Outcome | undefined;
  let endedAt = 0;
  let due = false;
  let step: number | null = null;
  let failure: Failure | null = null;

  const report = (): void => {
    if (!due) return;
    due = false;
    if (outcome !== "no_result") open.delete(join);
    quietly(() => deliver(result()));
  };

  const result = (): Result => {
    const match = find(String(options.signature));
    const asked = askedAt(since);
    const from = asked ?? called;
    const { mono, wall } = match ?? began;
    // On this document's clock; where another document received it, by the difference of the wall clock.
    const received = match && (mono ?? began.mono + match.wall - began.wall);
    const base = mono === undefined ? began : { mono, wall };
    return {
      receipt: match?.receipt ?? handedIn ?? null,
      id,
      outcome,
      error: failure,
      age_ms: duration(received, from),
      asked: asked === undefined ? "assumed" : "seen",
      age_clock: mono === undefined ? "wall" : "monotonic",
      join_ms: outcome === "no_result" ? null : duration(from, endedAt),
      step,
      suspended: Math.abs(Date.now() - base.wall - (performance.now() - base.mono)) > SLEPT_MS,
      signature_intact: match?.intact ?? null,
      meeting_matches: quietly(() => meetingMatches(options)) ?? null,
      view,
      sdk_version: version ?? versionSeen() ?? null,
    };
  };

  const join: Join = {
    end(how, error) {
      if (!open.has(join)) return;
      if (how !== outcome && (!outcome || outcome === "no_result")) {
        clearTimeout(silence);
        outcome = how;
        endedAt = performance.now();
        due = true;
        // A moment later the browser has noted the SDK's request, and the promise has brought the whole error.
        setTimeout(() => void allRead().then(report));
        setTimeout(report, 5000); // A reply that does not end holds nobody up.
      }
      if (outcome === "failed" && how === outcome) failure = quietly(() => failureOf(error, secretsOf(options))) ?? {};
    },
    reached(level) {
      if (typeof level === "number" && level > (step ?? -1)) step = level;
    },
    leave() {
      if (!outcome) join.end("no_result");
      report();
    },
  };
  const silence = setTimeout(() => join.end("no_result"), SILENCE_MS);
  open.add(join);
  addEventListener("pagehide", leave);
  return join;
}

/** The page is closed or left: what has no result yet may never have one. */
function leave(): void {
  quietly(() => leaving(() => open.forEach((join) => join.leave())));
}

/** Milliseconds between two times, to a tenth; null where one is not known or they are the wrong way round. */
function duration(from: number | undefined, to: number | undefined): number | null {
  const passed = Math.round((to! - from!) * 10) / 10;
  return passed >= 0 ? passed : null;
}

/** Whether the meeting is the one that was signed; undefined where one of the two cannot be read. */
export function meetingMatches({ signature, meetingNumber }: JoinOptions): boolean | undefined {
  const payload = String(signature).split(".")[1]!.replace(/-/g, "+").replace(/_/g, "/");
  const [one, other] = [JSON.parse(atob(payload)).mn, meetingNumber].map((number) => String(number ?? "").replace(/\D/g, ""));
  return one && other ? one === other : undefined;
}

function randomId(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => (byte + 256).toString(16).slice(1)).join("");
}
