// What `<script src="…/join-results.js"></script>` does: everything by itself.

import { watchRequests } from "./asked";
import { watchProgress } from "./client_view";
import { deliverKept, sendTo } from "./delivery";
import { watchJoin, watchSignature } from "./index";
import { useReceipt } from "./join";
import { quietly } from "./quietly";
import { hookReplies } from "./replies";
import { watchGlobal } from "./sdk";

const api = { watchSignature, watchJoin };
const page = window as unknown as Record<string, unknown>;

// Not simply whether it is there: an element with this id would be.
if (!(page["joinResults"] as typeof api)?.watchJoin) {
  const script = document.currentScript as HTMLScriptElement | null;
  page["joinResults"] = api;
  const steps: (() => unknown)[] = [
    hookReplies,
    watchRequests,
    watchProgress,
    () => watchGlobal("ZoomMtg"),
    () => watchGlobal("ZoomMtgEmbedded"),
    () => useReceipt(script!.dataset["receipt"]),
    // Relative to the script, so that a path prefix in front of joinwatch works by itself.
    () => sendTo(new URL("join-results", script!.src).href),
    // After the page's own work.
    () => setTimeout(deliverKept, 1000),
  ];
  // One that fails costs the others nothing.
  steps.forEach(quietly);
}
