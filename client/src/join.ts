// One join: from the page's call, or the user's Retry, to what became of it.

import { askedAt, versionSeen } from "./asked";
import { closing, deliver, outlive, type Result } from "./delivery";
import { failureOf, valuesOf, type Failure } from "./failure";
import { quietly } from "./quietly";
import { find } from "./receipts";

export type Outcome = "joined" | "failed" | "no_result";
export type View = "client" | "component" | "other";

/** What of the page's options a join is reported with. Read when join is called: a page may use its object again. */
export interface Ticket {
  signature: unknown;
  meetingNumber: unknown;
  /** The options' values, which no error's text may tell. */
  values: string;
}

/** The ticket of a page's options. */
export function ticketOf(options: unknown): Ticket {
  const { signature, meetingNumber } = Object(options) as Partial<Ticket>;
  return { signature, meetingNumber, values: valuesOf(options) };
}

/** A join that goes on. */
export interface Join {
  /** How it ended. The first end counts, and one more after "no_result"; a failure told again explains it better. */
  end: (outcome: Outcome, error?: unknown) => void;
  /** The SDK told how far it is: the level of a join-speed event. */
  reached: (level: number) => void;
}

const SILENCE_MS = 120_000;
/** After this the reply with the receipt has surely been read. */
const MOMENT_MS = 50;
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
  ticket: Ticket,
  version?: string,
  since: number = performance.now(),
  called: number = since,
): Join {
  const id = randomId();
  const began = { wall: Date.now(), mono: performance.now() };
  let outcome: Outcome | undefined;
  let endedAt = 0;
  let due = false;
  // Found now already where it can be: a page that closes had better not look into storage.
  let match = find(ticket.signature);
  let step: number | null = null;
  let failure: Failure | null = null;

  const report = (): void => {
    if (!due) return;
    due = false;
    if (outcome !== "no_result") open.delete(join);
    quietly(() => deliver(result()));
  };

  const result = (): Result => {
    match ??= find(ticket.signature);
    const asked = askedAt(since);
    const from = asked ?? called;
    const { mono, wall } = match ?? began;
    // On this document's clock; where another document received it, by the difference of the wall clock.
    const received = match && (mono ?? began.mono + match.wall - began.wall);
    const base = mono === undefined ? began : { mono, wall };
    return {
      receipt: match?.receipt ?? handedIn ?? null,
      id,
      outcome: outcome!,
      error: failure,
      age_ms: duration(received, from),
      asked: asked === undefined ? "assumed" : "seen",
      age_clock: mono === undefined ? "wall" : "monotonic",
      join_ms: outcome === "no_result" ? null : duration(from, endedAt),
      step,
      suspended: Math.abs(Date.now() - base.wall - (performance.now() - base.mono)) > SLEPT_MS,
      signature_intact: match?.intact ?? null,
      meeting_matches: quietly(() => meetingMatches(ticket)) ?? null,
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
        setTimeout(report, match ? 0 : MOMENT_MS);
      }
      if (outcome === "failed" && how === outcome) failure = quietly(() => failureOf(error, ticket.values)) ?? {};
      if (closing) report();
    },
    reached(level) {
      // Within what joinwatch takes, whatever comes.
      step = Math.max(step ?? 0, level & 63);
    },
  };
  // First, since it throws where there is no window: nothing is to be left running on a server. Firefox cuts short what a
  // closing page does in "pagehide", unless it was asked before; iOS knows only "pagehide".
  ["beforeunload", "pagehide"].forEach((event) => addEventListener(event, leave));
  const silence = setTimeout(() => join.end("no_result"), SILENCE_MS);
  open.add(join);
  return join;
}

/** The page is closed or left, or asks whether it may be: what has no result yet may never have one. */
function leave(): void {
  quietly(() => outlive(() => open.forEach((join) => join.end("no_result"))));
}

/** Milliseconds between two times, to a tenth; null where one is not known or they are the wrong way round. */
function duration(from: number | undefined, to: number | undefined): number | null {
  const passed = Math.round((to! - from!) * 10) / 10;
  return passed >= 0 ? passed : null;
}

/** Whether the meeting is the one that was signed; undefined where one of the two cannot be read. */
export function meetingMatches({ signature, meetingNumber }: Pick<Ticket, "signature" | "meetingNumber">): boolean | undefined {
  const payload = String(signature).split(".")[1]!.replace(/-/g, "+").replace(/_/g, "/");
  const [one, other] = [JSON.parse(atob(payload)).mn, meetingNumber].map((number) => `${number ?? ""}`.replace(/\D/g, ""));
  return one && other ? one === other : undefined;
}

function randomId(): string {
  return Array.from(crypto.getRandomValues(new Uint32Array(4)), (part) => part.toString(16).padStart(8, "0")).join("");
}
