import assert from "node:assert/strict";
import { test } from "node:test";
import { meetingMatches } from "../src/join";

const token = (claims: object): string => `eyJ.${Buffer.from(JSON.stringify(claims)).toString("base64url")}.mac`;

const JOINS: [string, string, unknown, boolean | undefined][] = [
  ["the same", token({ mn: "98765432101" }), "98765432101", true],
  ["the same as a number", token({ mn: 98765432101 }), 98765432101, true],
  ["the same in groups", token({ mn: "987 6543 2101" }), "987-6543-2101", true],
  ["another", token({ mn: "98765432101" }), "91111111111", false],
  ["a claim with letters beyond ASCII", token({ mn: "98765432101", n: "Zoë ÿ>?" }), "98765432101", true],
  ["no claim", token({ role: 0 }), "98765432101", undefined],
  ["no number", token({ mn: "98765432101" }), undefined, undefined],
];

for (const [what, signature, meetingNumber, expected] of JOINS) {
  test(`the meeting joined is compared with the one signed: ${what}`, () => {
    assert.equal(meetingMatches({ signature, meetingNumber }), expected);
  });
}

for (const signature of ["", "abc", "a.b.c", "a.%%%.c", undefined, 7]) {
  test(`what is no token cannot be compared: ${String(signature)}`, () => {
    assert.throws(() => meetingMatches({ signature, meetingNumber: "98765432101" }));
  });
}
