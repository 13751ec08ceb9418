/* A client view page in the manner of Zoom's samples: the button fetches a signature, then init, then join. */
"use strict";
function prepare(ZoomMtg) {
  if (settings.version === "2.8.0") {
    ZoomMtg.setZoomJSLib("https://source.zoom.us/2.8.0/lib", "/av");
    ZoomMtg.preLoadWasm();
    ZoomMtg.prepareWebSDK();
    ZoomMtg.i18n.load("en-US");
    ZoomMtg.i18n.reload("en-US");
  } else {
    ZoomMtg.preLoadWasm();
    ZoomMtg.prepareWebSDK();
    ZoomMtg.i18n.load("en-US");
  }
}

function startMeeting(ZoomMtg, reply) {
  var root = document.getElementById("zmmtg-root");
  root.style.display = "block";
  ["preJoinMeeting", "joinMeetingFail", "onMeetingStatus", "onJoinSpeed"].forEach(function (name) {
    root.addEventListener(name, function (event) {
      note(name, [event.detail]);
    });
  });
  ZoomMtg.init({
    leaveUrl: location.origin + "/left.html",
    disablePreview: settings.preview !== "yes",
    success: function () {
      var joined = ZoomMtg.join({
        signature: reply.signature,
        sdkKey: reply.sdkKey,
        meetingNumber: settings.meetingNumber,
        passWord: "",
        userName: settings.userName,
        userEmail: "",
        success: function () {
          note("join success", arguments, this);
        },
        error: function () {
          note("join error", arguments, this);
        },
      });
      note("join returned", [joined]);
    },
    error: function () {
      note("init error", arguments, this);
    },
  });
}

function clientView(ZoomMtg) {
  prepare(ZoomMtg);
  document.getElementById("join").addEventListener("click", function () {
    getSignature().then(function (reply) {
      startMeeting(ZoomMtg, reply);
    });
  });
  if (settings.signature !== undefined) document.getElementById("join").click();
}
