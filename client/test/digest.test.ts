import assert from "node:assert/strict";
import { test } from "node:test";
import { bare, digest } from "../src/digest";

test("a digest is the same for the same text, and says little of it", () => {
  assert.equal(digest("eyJ.a.b"), digest("eyJ.a.b"));
  assert.match(digest("x".repeat(600)), /^[0-9a-z]{1,7}\.[0-9a-z]{1,7}$/);
});

test("tokens that differ in one character have different digests", () => {
  const token = "eyJhbGciOiJIUzI1NiJ9.".repeat(20);
  const found = new Set<string>();
  for (let at = 0; at < token.length; at++) {
    for (const one of "abcXYZ019-_") {
      if (token[at] !== one) found.add(digest(token.slice(0, at) + one + token.slice(at + 1)));
    }
  }
  let expected = 0;
  for (const each of token) expected += "abcXYZ019-_".includes(each) ? 10 : 11;
  assert.equal(found.size, expected);
});

test("200,000 counters have 200,000 digests", () => {
  const found = new Set<string>();
  for (let number = 0; number < 200_000; number++) found.add(digest(`{"iat":${1_795_000_000 + number}}`));
  assert.equal(found.size, 200_000);
});

for (const [what, altered] of [
  ["quoted", '"ab+/cd.ef=="'],
  ["plus read as a blank", "ab /cd.ef=="],
  ["padding cut off", "ab+/cd.ef"],
  ["broken into lines", "ab+/\ncd.ef==\n"],
  ["the URL-safe alphabet", "ab-_cd.ef"],
] as const) {
  test(`a signature keeps its letters and digits: ${what}`, () => assert.equal(bare(altered), "abcdef"));
}
