import assert from "node:assert/strict";
import { test } from "node:test";
import { find, remember, strings } from "../src/receipts";

const TOKEN = `${"eyJhbGciOiJIUzI1NiJ9"}.${"payload_-".repeat(20)}.${"mac-_09AZ".repeat(5)}`;
const OTHER = TOKEN.replace("payload", "another");

// Which string of a reply is the signature is for the join to say: all that may be it must be found.
const REPLIES: [string, string][] = [
  ["the official sample's", JSON.stringify({ signature: TOKEN, sdkKey: "key" })],
  ["a bare string", TOKEN],
  ["a bare string and a line end", `${TOKEN}\n`],
  ["a JSON string", JSON.stringify(TOKEN)],
  ["deep in JSON", JSON.stringify({ data: { zoom: [{ sig: TOKEN }] } })],
  ["JSON within a string of JSON", JSON.stringify({ body: JSON.stringify({ signature: TOKEN }) })],
  ["in a URL", JSON.stringify({ url: `https://app.example/join?sig=${TOKEN}&role=0` })],
  ["in HTML", `<script>const signature = "${TOKEN}";</script>`],
  ["in XML", `<signature>${TOKEN}</signature>`],
  ["beside another", JSON.stringify({ session: OTHER, signature: TOKEN })],
  ["escaped slashes", `{"signature":"${TOKEN.replace(/A/g, "\\u0041")}"}`],
];

for (const [what, reply] of REPLIES) {
  test(`the signature is among the strings of a reply: ${what}`, () => assert.ok(strings(reply).has(TOKEN)));
}

test("of many strings those that look like tokens are kept, of the rest a few", () => {
  const many = Array.from({ length: 1000 }, (_, number) => `${number}${"x".repeat(50)}`);
  const last = TOKEN.replace("payload", "thelast");
  remember("receipt-m", JSON.stringify([...many, last]), 5);
  assert.equal(find(last)?.receipt, "receipt-m");
  assert.equal(many.filter((one) => find(one)).length, 31);
});

test("no string is too short, or without letters and digits", () => {
  assert.equal(strings(JSON.stringify(["x".repeat(39), "\u0436".repeat(50), "=".repeat(50)])).size, 0);
});

test("a quarter of a megabyte takes no noticeable time", () => {
  const began = performance.now();
  for (const reply of ["a".repeat(262_144), JSON.stringify(REPLIES.concat(Array(500).fill(["x".repeat(200), "y.".repeat(100)])))]) {
    strings(reply);
  }
  assert.ok(performance.now() - began < 500);
});

test("the receipt is that of the reply that held this very string", () => {
  remember("receipt-a", JSON.stringify({ signature: TOKEN }), 10);
  remember("receipt-b", JSON.stringify({ signature: OTHER }), 20);
  assert.equal(find(TOKEN)?.receipt, "receipt-a");
  assert.equal(find(OTHER)?.receipt, "receipt-b");
  assert.equal(find(TOKEN)?.mono, 10);
  assert.equal(find(TOKEN)?.intact, true);
  assert.equal(find(TOKEN.replace("eyJ", "eyK")), undefined);
  assert.equal(find("undefined"), undefined);
});

test("a string that was altered on its way is found and said to be altered", () => {
  const standard = TOKEN.replace(/-/g, "+");
  remember("receipt-c", JSON.stringify({ signature: standard }), 30);
  assert.deepEqual([find(standard)?.intact, find(standard.replace(/\+/g, " "))?.intact], [true, false]);
});

test("a reply out of a cache is as old as it was", () => {
  const token = TOKEN.replace("payload", "cached_");
  remember("receipt-d", token, 40);
  remember("receipt-d", token, 6000);
  assert.equal(find(token)?.mono, 40);
  remember("receipt-e", token, 7000);
  assert.deepEqual([find(token)?.receipt, find(token)?.mono], ["receipt-e", 7000]);
});
