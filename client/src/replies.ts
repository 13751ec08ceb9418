// Notices the Join-Receipt header on what the page fetches. The page's replies, errors and promises stay its own.

import { quietly } from "./quietly";
import { remember } from "./receipts";
import { like } from "./wrapping";

/** Keeps the receipt of a reply. The reply stays unread for whoever owns it. */
export function noteReply(reply: Response): void {
  const receipt = reply.headers.get("join-receipt");
  if (receipt) keep(receipt, reply.clone().text());
}

function keep(receipt: string, body: Promise<string>): void {
  const now = performance.now();
  body.then((text) => remember(receipt, text, now)).catch(() => {});
}

function noteXhr(this: XMLHttpRequest): void {
  if (this.readyState !== 4) return;
  quietly(() => {
    // getResponseHeader would complain on the console about a header that another origin does not expose.
    const receipt = /^join-receipt: *(\S+)/im.exec(this.getAllResponseHeaders())?.[1];
    if (!receipt) return;
    const body = this.responseType === "json" ? JSON.stringify(this.response) : this.response;
    keep(receipt, new Response(body as BodyInit).text());
  });
}

/** From now on every fetch and XMLHttpRequest of this window is looked at. */
export function hookReplies(): void {
  const { open } = XMLHttpRequest.prototype;
  XMLHttpRequest.prototype.open = like(open, function (this: XMLHttpRequest, ...given: unknown[]) {
    // On opening, so that this listener comes before those that the page adds for its own reading of the reply.
    quietly(() => this.addEventListener("readystatechange", noteXhr));
    return (open as Function).apply(this, given);
  });
  // The last step, since some pages forbid that fetch is replaced.
  const { fetch } = window;
  window.fetch = like(fetch, function (this: unknown, ...given: unknown[]) {
    const reply = (fetch as Function).apply(this, given) as Promise<Response>;
    // This promise, not the browser's own, or a rejection would count as handled and fire no "unhandledrejection".
    return quietly(() => reply.then((one) => (quietly(() => noteReply(one)), one))) ?? reply;
  });
}
