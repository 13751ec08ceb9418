// A signature endpoint like an Express application, after Zoom's meetingsdk-auth-endpoint-sample, on node:http alone.
//
// POST / with a JSON body {meetingNumber, role}. The time is floored and has no margin, as in the sample since
// 2023-12-27. Its faults, on purpose: only a JSON content type is parsed, so that any other body gets a token without mn
// and role and a 200; meetingNumber and role are signed as they come, strings included.
//
// The header X-Test-Now-Ms sets the time that the claims of one request are made of.

import { createHash, createHmac } from "node:crypto";
import { createServer } from "node:http";

const key = process.env.ZOOM_MEETING_SDK_KEY;
const secret = process.env.ZOOM_MEETING_SDK_SECRET;
const port = Number(process.argv[2] ?? 0);

const encode = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");

function sign({ meetingNumber, role }, nowMs) {
  const iat = Math.floor(nowMs / 1000);
  const exp = iat + 60 * 60 * 2;
  const header = { alg: "HS256", typ: "JWT" };
  const payload = { appKey: key, sdkKey: key, mn: meetingNumber, role, iat, exp, tokenExp: exp };
  const input = `${encode(header)}.${encode(payload)}`;
  return `${input}.${createHmac("sha256", secret).update(input).digest("base64url")}`;
}

function weakETag(body) {
  const digest = createHash("sha1").update(body).digest("base64").slice(0, 27);
  return `W/"${body.length.toString(16)}-${digest}"`;
}

function send(response, status, contentType, text) {
  const body = Buffer.from(text);
  response.writeHead(status, { "Content-Type": contentType, "Content-Length": body.length, ETag: weakETag(body) });
  response.end(body);
}

function preflight(request, response) {
  response.setHeader("Access-Control-Allow-Methods", "GET,HEAD,PUT,PATCH,POST,DELETE");
  response.setHeader("Vary", "Access-Control-Request-Headers");
  const asked = request.headers["access-control-request-headers"];
  if (asked) {
    response.setHeader("Access-Control-Allow-Headers", asked);
  }
  response.writeHead(204, { "Content-Length": "0" });
  response.end();
}

async function handle(request, response) {
  response.setHeader("X-Powered-By", "Express");
  response.setHeader("Access-Control-Allow-Origin", "*");
  if (request.method === "OPTIONS") {
    preflight(request, response);
    return;
  }
  if (request.method !== "POST" || request.url.split("?")[0] !== "/") {
    send(response, 404, "text/html; charset=utf-8", `<pre>Cannot ${request.method}</pre>\n`);
    return;
  }
  const chunks = [];
  for await (const chunk of request) {
    chunks.push(chunk);
  }
  let asked = {};
  if (/^application\/json\b/i.test(request.headers["content-type"] ?? "")) {
    try {
      asked = JSON.parse(Buffer.concat(chunks).toString("utf8"));
    } catch (error) {
      send(response, 400, "text/html; charset=utf-8", `<pre>${error.name}</pre>\n`);
      return;
    }
  }
  const nowMs = Number(request.headers["x-test-now-ms"] ?? Date.now());
  const reply = { signature: sign(asked, nowMs), sdkKey: key };
  send(response, 200, "application/json; charset=utf-8", JSON.stringify(reply));
}

const server = createServer((request, response) => {
  handle(request, response).catch(() => response.destroy());
});
server.listen(port, "127.0.0.1", () => {
  console.log(`listening on ${server.address().port}`);
});
