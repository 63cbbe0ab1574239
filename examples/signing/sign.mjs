// The signature in Node (docs/protocol.md, section 2). `node sign.mjs vectors.json` checks it.
import assert from "node:assert/strict";
import { createHmac, timingSafeEqual } from "node:crypto";
import { readFileSync } from "node:fs";

/** `message` is the exact bytes of the body; of a GET, its path and query. */
export function sign(secret, clientId, timestampMs, message) {
  const payload = Buffer.concat([Buffer.from(`${timestampMs}.${clientId}.`), Buffer.from(message)]);
  return createHmac("sha256", secret).update(payload.toString("base64url")).digest("hex");
}

/** `headers` has what came: `timestamp`, `clientId` and `signature`, as texts. */
export function verify(secret, clientId, message, nowMs, headers) {
  if (!/^[0-9]{1,15}$/.test(headers.timestamp) || !/^[0-9a-f]{64}$/.test(headers.signature)) return false;
  const right = sign(secret, clientId, headers.timestamp, message);
  const same = timingSafeEqual(Buffer.from(right), Buffer.from(headers.signature)); // in constant time
  const age = nowMs - Number(headers.timestamp);
  return same && headers.clientId === clientId && age >= -60_000 && age <= 300_000;
}

for (const v of JSON.parse(readFileSync(process.argv[2], "utf8"))) {
  const key = [v.client_secret, v.client_key], sent = Number(v.timestamp);
  const headers = { timestamp: v.timestamp, clientId: v.client_key, signature: v.signature };
  assert.equal(sign(...key, sent, v.body), v.signature, v.name);
  assert(verify(...key, v.body, sent + 299_000, headers), v.name);
  assert(!verify(...key, v.body + " ", sent, headers), "changed message");
  assert(!verify(...key, v.body, sent + 301_000, headers), "old");
  console.log("ok", v.name);
}
