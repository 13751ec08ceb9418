/* The first page of Zoom's two-page sample: it fetches the signature and hands it on in the next page's address. */
"use strict";
document.getElementById("join").addEventListener("click", function () {
  getSignature().then(function (reply) {
    var next = new URLSearchParams(settings);
    next.delete("endpoints");
    next.set("signature", reply.signature);
    next.set("sdkKey", reply.sdkKey);
    var address = "/" + settings.view + ".html?" + next;
    if (settings.tab === "new") {
      window.open(address, "_blank", "noopener");
    } else {
      location.href = address;
    }
  });
});
