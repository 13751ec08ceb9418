/* A bundled application: the SDK is a module of its own and no global. */
import ZoomMtgEmbedded from "zoom-sdk";

componentView(ZoomMtgEmbedded);
