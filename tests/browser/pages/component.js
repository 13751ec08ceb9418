/* A component view page in the manner of Zoom's samples: the button fetches a signature, then init, then join. */
"use strict";
function startMeeting(client, reply) {
  return client
    .init({ zoomAppRoot: document.getElementById("meetingSDKElement"), language: "en-US" })
    .then(function () {
      ["connection-change", "join-speed"].forEach(function (name) {
        client.on(name, function () {
          note(name, arguments);
        });
      });
      return client.join({
        signature: reply.signature,
        sdkKey: reply.sdkKey,
        meetingNumber: settings.meetingNumber,
        password: "",
        userName: settings.userName,
      });
    })
    .then(
      function () {
        note("join resolved", arguments);
      },
      function () {
        note("join rejected", arguments);
      },
    );
}

function componentView(ZoomMtgEmbedded) {
  var client = ZoomMtgEmbedded.createClient();
  document.getElementById("join").addEventListener("click", function () {
    getSignature().then(function (reply) {
      startMeeting(client, reply);
    });
  });
  if (settings.signature !== undefined) document.getElementById("join").click();
}
