// Component View: `client.join()` gives a promise; the user's Retry in the SDK's dialog is told by an event only.

import { newJoin, ticketOf, type Join, type Outcome, type Ticket } from "./join";
import { quietly } from "./quietly";
import { replaced, type Joining } from "./wrapping";

interface ComponentClient {
  join: Joining;
  on: (event: string, listener: (payload: Record<string, unknown>) => void) => void;
}

/** The namespace `ZoomMtgEmbedded`. */
interface ComponentView {
  createClient: Joining;
}

/** The latest join of a client. `told`: its failure was told by the event; the promise tells the same failure again. */
interface Latest {
  join: Join;
  ticket: Ticket;
  outcome?: Outcome;
  endedAt?: number;
  told?: boolean;
}

/** Watches every client that the namespace makes. */
export function watchComponentView<T extends ComponentView>(namespace: T): T {
  return replaced(
    namespace,
    (original, self, given) => {
      const client = original.apply(self, given);
      return quietly(() => watchComponentClient(client as ComponentClient)) ?? client;
    },
    "createClient",
  );
}

/** Watches the joins of a client. Returns the object that the page must use instead of it. */
export function watchComponentClient<T extends ComponentClient>(client: T): T {
  let latest: Latest | undefined;
  let listening = false;

  const end = (one: Latest, outcome: Outcome, error?: unknown): void =>
    quietly(() => {
      one.outcome = outcome;
      one.endedAt ??= performance.now();
      one.join.end(outcome, error);
    });

  const onChange = (change: Record<string, unknown>): void => {
    const failed = change["state"] === "Fail";
    // After a success these events tell of the meeting's connection, not of a join.
    if (!latest || latest.outcome === "joined" || !(failed || change["state"] === "Connected")) return;
    if (latest.outcome && (latest.told || !failed)) {
      // The SDK has joined again by itself, with the same signature: the user pressed Retry.
      const { ticket, endedAt } = latest;
      latest = { ticket, join: newJoin("component", ticket, undefined, endedAt, NaN) };
    }
    if (!failed) return end(latest, "joined");
    latest.told = true;
    // The promise's error object has more in it.
    if (!latest.outcome) end(latest, "failed", change);
  };

  return replaced(client, (original, self, given) => {
    const now = quietly((): Latest => {
      const ticket = ticketOf(given[0]);
      return { ticket, join: newJoin("component", ticket) };
    });
    if (!now) return original.apply(self, given);
    latest = now;
    quietly(() => {
      if (listening) return;
      // Throws before client.init(), and then so does join.
      client.on("connection-change", (change) => quietly(() => onChange(change)));
      listening = true;
      client.on("join-speed", (speed) => quietly(() => latest?.join.reached(speed["tagId"] as number)));
    });
    const failed = (error: unknown): never => {
      end(now, "failed", error);
      throw error;
    };
    let promise;
    try {
      promise = original.apply(self, given);
    } catch (error) {
      return failed(error);
    }
    // Handing out this promise, not the SDK's own, keeps "unhandledrejection" as it is without us. Not `instanceof Promise`:
    // zone.js puts its own in that one's place.
    const told = (value: unknown): unknown => {
      end(now, "joined");
      return value;
    };
    return (promise as Promise<unknown> | undefined)?.then?.(told, failed) ?? promise;
  });
}
