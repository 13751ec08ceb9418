// Client View: `ZoomMtg.join({success, error})`. Its callbacks tell how a join ended, if they are ever called.

import { newJoin, ticketOf, type Join } from "./join";
import { quietly } from "./quietly";
import { isFixed, replaced, type Joining } from "./wrapping";

interface ClientView {
  join: Joining;
  getWebSDKVersion?: () => unknown;
}

type Callback = (this: unknown, ...given: unknown[]) => unknown;

let latest: Join | undefined;

/** Watches the joins of a `ZoomMtg`. Returns the object that the page must use instead of it. */
export function watchClientView<T extends ClientView>(zoom: T): T {
  return replaced(zoom, (original, self, given) => {
    const join = quietly(() => newJoin("client", ticketOf(given[0]), versionOf(zoom)));
    if (!join) return original.apply(self, given);
    latest = join;
    const [options, ...rest] = given;
    const listening = quietly(() => listeningOptions(options as object, join)) ?? options;
    try {
      return original.apply(self, given.length ? [listening, ...rest] : given);
    } catch (error) {
      join.end("failed", error);
      throw error;
    }
  });
}

/** The page's options, but that the callbacks tell us first. Everything else, also what the SDK sets, is the page's own. */
function listeningOptions(options: object, join: Join): object {
  const listening: object = new Proxy(options, {
    get(target, name) {
      const theirs: unknown = Reflect.get(target, name);
      const outcome = name === "success" ? "joined" : name === "error" ? "failed" : undefined;
      // Where the page gives none, the SDK sets its own before it calls it.
      if (!outcome || isFixed(target, name) || typeof theirs !== "function") return theirs;
      return function (this: unknown, ...given: unknown[]): unknown {
        quietly(() => join.end(outcome, given[0]));
        return (theirs as Callback).apply(this === listening ? options : this, given);
      };
    },
  });
  return listening;
}

function versionOf(zoom: ClientView): string | undefined {
  // ["6.2.0", "6.2.0_20260618_…", 14977]
  return quietly(() => /\d+\.\d+\.\d+/.exec(String(zoom.getWebSDKVersion!()))![0]);
}

/** The SDK tells its progress by DOM events on its root element, which may not exist yet and is not ours: hence capture. */
export function watchProgress(): void {
  addEventListener("onJoinSpeed", (event) => quietly(() => latest?.reached((event as CustomEvent).detail.data.level)), true);
}
