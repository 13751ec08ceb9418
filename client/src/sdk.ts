// Finds out which of the SDK's objects it was given, and waits for those that come as globals.

import { watchClientView } from "./client_view";
import { watchComponentClient, watchComponentView } from "./component_view";
import { quietly } from "./quietly";

/**
 * Watches the joins of `ZoomMtg`, of `ZoomMtgEmbedded`, or of a client that `createClient()` made.
 *
 * Returns the object to join with: in place of `ZoomMtg` of 6.2.0 that is another one. What is none of these is
 * returned as it is.
 */
export function watchJoin<T>(client: T): T {
  return (
    quietly(() => {
      const has = (name: string): boolean => typeof (client as Record<string, unknown> | undefined)?.[name] === "function";
      if (has("createClient")) return watchComponentView(client as never);
      if (!has("join")) return client;
      return has("on") ? watchComponentClient(client as never) : watchClientView(client as never);
    }) ?? client
  );
}

/** Watches a global of the SDK, whenever and however often it is set. */
export function watchGlobal(name: string): void {
  let value = (window as unknown as Record<string, unknown>)[name];
  watchJoin(value);
  Object.defineProperty(window, name, {
    configurable: true,
    enumerable: true,
    get: () => watchJoin(value),
    // Already here: a bundled app joins with what it has imported, and never reads the global.
    set: (next: unknown) => watchJoin((value = next)),
  });
}
