/* What the SDK and the browser told this page, in order, for the test to read: `seen`. */
"use strict";
var seen = [];

/* A value as data: errors by name and message with their own further keys, objects with their keys in order. */
function told(value) {
  if (value instanceof Error || value instanceof DOMException) {
    return { thrown: value.constructor.name, message: value.message, keys: Object.keys(value) };
  }
  if (value === undefined) return "undefined";
  try {
    return JSON.parse(JSON.stringify(value));
  } catch (error) {
    return String(value);
  }
}

function note(what, values, self) {
  var entry = { what: what, values: Array.prototype.map.call(values, told) };
  if (self !== undefined) entry.self = self === null ? "null" : Object.prototype.toString.call(self);
  seen.push(entry);
}

window.addEventListener("error", function (event) {
  if (event.message) note("window error", [event.message]);
});
window.addEventListener("unhandledrejection", function (event) {
  note("unhandledrejection", [event.reason]);
});
