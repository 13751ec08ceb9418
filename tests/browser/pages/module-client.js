/* A bundled application with joinwatch's module: the SDK is a module of its own, and the calls are explicit. */
import { configure, watchJoin, watchSignature } from "joinwatch-join-results";
import { ZoomMtg } from "zoom-sdk";

configure({ endpoint: settings.results });
received = watchSignature;
clientView(watchJoin(ZoomMtg));
