/* How the page gets its signature: the official sample's request to its own endpoint, by fetch or by XMLHttpRequest. */
"use strict";
/* What an application with joinwatch's module does to each reply. */
var received = function (response) {
  return response;
};
var settings = Object.fromEntries(new URLSearchParams(location.search));

function asked() {
  return JSON.stringify({ meetingNumber: settings.meetingNumber, role: 0 });
}

function signatureByFetch(endpoint) {
  return fetch(endpoint, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: asked(),
  }).then(function (response) {
    return received(response).json();
  });
}

function signatureByXhr(endpoint) {
  return new Promise(function (resolve, reject) {
    var xhr = new XMLHttpRequest();
    xhr.open("POST", endpoint);
    xhr.setRequestHeader("Content-Type", "application/json");
    xhr.onload = function () {
      resolve(JSON.parse(xhr.responseText));
    };
    xhr.onerror = reject;
    xhr.send(asked());
  });
}

/* What pages do to a signature on its way to the SDK. */
var spoil = {
  quotes: function (signature) {
    return JSON.stringify(signature);
  },
  "no dots": function (signature) {
    return signature.replace(/\./g, "");
  },
  "not a token": function () {
    return "a.b.c";
  },
};

/* All endpoints of the page are asked at once; it joins with the reply of the first that it named. */
function getSignature() {
  if (settings.signature !== undefined) {
    return Promise.resolve({ signature: settings.signature, sdkKey: settings.sdkKey });
  }
  var get = settings.by === "xhr" ? signatureByXhr : signatureByFetch;
  return Promise.all(settings.endpoints.split(",").map(get)).then(function (replies) {
    var reply = replies[0];
    if (settings.spoil) reply.signature = spoil[settings.spoil](reply.signature);
    return reply;
  });
}
