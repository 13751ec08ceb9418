// Brings results to joinwatch: at once, again until they are stored, and at the next page view if this page is gone.

import { quietly } from "./quietly";
import { all, KEPT_MS, read, write } from "./storage";

/** One join result as CONTRACT and README describe it; `attempt` and `dropped` are set for each delivery. */
export interface Result {
  id: string;
  outcome: string;
  [field: string]: unknown;
}

interface Waiting {
  result: Result;
  attempt: number;
  /** When the result came about, in epoch milliseconds. */
  wall: number;
}

const KIND = "joinwatch:result:";
const DROPPED = "joinwatch:dropped";
const MAX_KEPT = 50;
const MAX_WAIT_MS = 300_000;

/** What all keepalive requests of a page may hold together, in bytes (Fetch standard). */
const KEEPALIVE_BYTES = 65_536;

const waiting = new Map<string, Waiting>();
// Before anything, this script too, wraps it.
const ask = globalThis.fetch;
let endpoint = "";
let flying = 0;
/** The page goes away: what is to be sent must be sent now. */
export let closing = false;
let telling = 0;

/** Where results go; they wait until this is known. */
export function sendTo(url: string): void {
  endpoint = url;
  waiting.forEach(send);
}

/** Delivers a result. */
export function deliver(result: Result): void {
  start({ result, attempt: 0, wall: Date.now() });
}

/** Delivers what earlier pages could not. */
export function deliverKept(): void {
  for (const [name, item] of all<Waiting>("localStorage", KIND, giveUp)) {
    if (!waiting.has(name)) quietly(() => start(item));
  }
}

function start(item: Waiting): void {
  waiting.set(nameOf(item), item);
  void send(item);
}

/** Neither delivered nor given up. */
function waits(item: Waiting): boolean {
  return waiting.get(nameOf(item)) === item;
}

/**
 * Under which it waits, here and in storage. A "no result so far" and what comes after it wait side by side, perhaps in two
 * tabs: joinwatch puts the latter in the place of the former, whichever comes first.
 */
function nameOf({ result }: Waiting): string {
  return KIND + result.id + result.outcome;
}

/** The page goes away: what `work` delivers must outlive it, and what is not known to be stored waits in the browser. */
export function outlive(work: () => void): void {
  closing = true;
  // What is under way outlives the page only where fetch can say so.
  if (!("keepalive" in Request.prototype)) waiting.forEach(send);
  work();
  waiting.forEach(keep);
  closing = false;
}

async function send(item: Waiting): Promise<void> {
  if (!endpoint || !waits(item)) return;
  let told = 0;
  let bytes = 0;
  try {
    // One delivery at a time tells it, or it would be counted twice. Not one of a closing page: Firefox ends that at its
    // first access to storage.
    if (!telling && !closing) telling = told = dropped();
    const body = JSON.stringify({ ...item.result, attempt: ++item.attempt, dropped: told });
    bytes = new TextEncoder().encode(body).length;
    const keepalive = (flying += bytes) <= KEEPALIVE_BYTES && "keepalive" in Request.prototype;
    if (closing && !keepalive) {
      // It cannot leave out cookies, and nobody hears its answer: only where nothing else survives the page.
      navigator.sendBeacon(endpoint, body);
      return;
    }
    // Without Referer: the page's own address may have a signature in it.
    const options: RequestInit = { method: "POST", body, keepalive, credentials: "omit", referrerPolicy: "no-referrer" };
    const { status, headers } = await ask(endpoint, options);
    if (status === 204) drop(-told);
    // 502 and 504 are a gateway's word for a network error: joinwatch restarts behind it.
    if (/429|50[234]/.test(`${status}`)) later(item, 1000 * (headers.get("retry-after") as never) || 0);
    else if (waits(item)) {
      waiting.delete(nameOf(item));
      write("localStorage", nameOf(item));
      // joinwatch itself counts what it refuses; anything else answered in its place.
      if (![204, 400, 403, 413].includes(status)) drop(1);
    }
  } catch {
    later(item, 0);
  } finally {
    flying -= bytes;
    if (told) telling = 0;
  }
}

/** To be tried again, after so many milliseconds at least. */
function later(item: Waiting, atLeast: number): void {
  if (!waits(item)) return;
  keep(item);
  const backoff = Math.min(MAX_WAIT_MS, 1000 * 2 ** item.attempt) * (0.5 + Math.random() / 2);
  setTimeout(send, Math.min(KEPT_MS, Math.max(atLeast, backoff)), item);
}

function keep(item: Waiting): void {
  write("localStorage", nameOf(item), item);
  for (const [name] of all("localStorage", KIND, giveUp).slice(0, -MAX_KEPT)) giveUp(name);
}

function giveUp(name: string): void {
  waiting.delete(name);
  if (write("localStorage", name)) drop(1);
}

/** Adds to the number of results that this browser has given up and not yet told of. */
function drop(count: number): void {
  if (count) write("localStorage", DROPPED, Math.max(0, dropped() + count) || undefined);
}

function dropped(): number {
  // Within what joinwatch takes, whatever stands there.
  return read<number>("localStorage", DROPPED)! & 0x7ffff;
}
