/* A bundled application: the SDK is a module of its own and no global. */
import { ZoomMtg } from "zoom-sdk";

clientView(ZoomMtg);
