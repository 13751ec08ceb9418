import assert from "node:assert/strict";
import { test } from "node:test";
import { failureOf, valuesOf } from "../src/failure";

const CLIENT = { method: "join", status: false, result: "Invalid signature.", errorCode: 3712, errorMessage: "Signature is invalid." };
const COMPONENT = { type: "JOIN_MEETING_FAILED", reason: "Signature is invalid.", errorCode: 3712 };

const JOIN = {
  signature: "eyJhbGciOiJIUzI1NiJ9.payload",
  meetingNumber: 98765432101,
  userName: "Test Person",
  userEmail: "person@example.com",
  passWord: "a1b2c3",
  customerKey: "a*b*c",
  tk: "ibrahim İbrahim",
  lang: "en-US",
  success: () => {},
};

const throwing = { errorCode: 3712, get reason(): string { throw new Error("never"); } };

const ERRORS: [string, unknown, object][] = [
  ["Client View's", CLIENT, CLIENT],
  ["Component View's", COMPONENT, COMPONENT],
  ["an Error", new TypeError("Cannot read properties of undefined"), { name: "TypeError", message: "Cannot read properties of undefined" }],
  ["a text", "no", { message: "no" }],
  ["a number", 7, { message: "7" }],
  ["nothing", undefined, {}],
  ["null", null, { message: null }],
  ["fields that are not known", { ...COMPONENT, userName: "Test Person", stack: "at …" }, COMPONENT],
  ["fields that are no scalars", { reason: { deep: 1 }, errorCode: [3712], status: null }, { status: null }],
  ["no result", { ...CLIENT, result: null }, { ...CLIENT, result: null }],
];

for (const [what, error, expected] of ERRORS) {
  test(`of an error its known fields are told: ${what}`, () => assert.deepEqual(failureOf(error, ""), expected));
}

test("a field that cannot be read costs only itself", () => assert.deepEqual(failureOf(throwing, ""), { errorCode: 3712 }));

test("a very long text takes no noticeable time", () => {
  const began = performance.now();
  for (const text of ["a".repeat(1e5), ":/".repeat(1e5), "ey".repeat(1e5), "1 ".repeat(1e5)]) failureOf({ result: text }, "abc");
  assert.ok(performance.now() - began < 500);
});

const TEXTS: [string, string, string][] = [
  ["the user's name", "Test Person may not join", "[removed] [removed] may not join"],
  ["the user's name in another case, in a URL's spelling", "TEST+person, join", "[removed]+[removed], join"],
  ["a name in Turkish", "İbrahim may not", "[removed] may not"],
  ["a name in percent signs, also beside one", "50% of Test%20Person", "50% of [removed] [removed]"],
  ["the meeting in odd groups", "meeting 987 654\u00a03210 1 and 98765/43210/1", "meeting [removed] and [removed]"],
  ["a name that is part of a word", "Fail to detest persons", "Fail to detest persons"],
  ["the meeting", "meeting 98765432101 not found", "meeting [removed] not found"],
  ["another meeting, in groups", "meeting 912 3456 7890 not found", "meeting [removed] not found"],
  ["a key with signs in it", "key a*b*c", "key [removed]*[removed]*[removed]"],
  ["the passcode", "wrong passcode a1b2c3", "wrong passcode [removed]"],
  ["any e-mail address", "ask host@example.org.", "ask [removed]"],
  ["the signature", "bad token eyJhbGciOiJIUzI1NiJ9.payload", "bad token [removed].[removed]"],
  ["any token", "bad token=eyJhbGciOiJIUzI2NiJ9.eyJpYXQi", "bad [removed]"],
  ["a URL", "ajax error https://zoom.us/wc/info?signature=x 403", "ajax error [removed] 403"],
  ["nothing of Zoom's own words", "REQUEST_WEB_JOIN_MEETING_ERROR: Invalid apiKey/sdkKey and/or signature", "REQUEST_WEB_JOIN_MEETING_ERROR: Invalid apiKey/sdkKey and/or signature"],
  ["all but 200 characters", "word ".repeat(100), "word ".repeat(40)],
];

for (const [what, text, expected] of TEXTS) {
  test(`a text goes out without ${what}`, () => {
    assert.equal(failureOf({ reason: text }, valuesOf(JOIN)).reason, expected);
  });
}

test("of a page's options only texts and numbers are looked for", () => {
  assert.equal(valuesOf({ one: "abc", role: 0, number: 12345, success: () => {}, deep: {}, no: null }), "abc 0 12345");
  assert.equal(valuesOf(undefined), "");
});

test("a long number is no code", () => {
  assert.deepEqual(failureOf({ errorCode: 98765432101, result: 3712, status: true }, ""), { errorCode: "[removed]", result: 3712, status: true });
});
