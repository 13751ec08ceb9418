/* A bundled application with joinwatch's module: the SDK is a module of its own, and the calls are explicit. */
import { configure, watchJoin, watchSignature } from "joinwatch-join-results";
import ZoomMtgEmbedded from "zoom-sdk";

configure({ endpoint: settings.results });
received = watchSignature;
componentView(watchJoin(ZoomMtgEmbedded));
