/* What webpack does by the way and esbuild does not: lodash as a global, which 2.8.0's client view uses. */
import lodash from "lodash";

window._ = lodash;
