// The rule: payload = timestamp "." client_id "." body; encoded = base64url(payload) without padding;
// signature = hex(HMAC-SHA256(secret, encoded)). A GET signs its path and query in place of the body.
const cryptoJs = require('crypto-js');

const afterOrigin = (url) => url.replace(/^[a-z]+:\/\/[^/]+/i, '');
const path = afterOrigin(call.url());
const base = afterOrigin(call.value('base_url')).replace(/\/$/, '');
const route = path.startsWith(base) ? path.slice(base.length) : '';

let caller = null;
if (route.startsWith('/tikivip/')) {
  caller = { headers: 'X-Tikivip-', id: call.value('tiki_client_id'), secret: call.value('tiki_secret') };
} else if (route.startsWith('/partner/')) {
  caller = { headers: 'X-Partner-', id: call.value('partner_client_id'), secret: call.value('partner_secret') };
}

// Some requests show what happens to a signature that is wrong, stale or missing.
const mistake = call.header('X-Collection-Mistake');

if (caller && mistake !== 'missing') {
  // What is signed must be what is sent, byte for byte: the variables are replaced before both.
  const message = call.method() === 'GET' ? path : call.fixBody();
  const timestamp = String(Date.now() - (mistake === 'stale' ? 10 * 60 * 1000 : 0));
  const payload = timestamp + '.' + caller.id + '.' + message;
  const encoded = cryptoJs.enc.Base64.stringify(cryptoJs.enc.Utf8.parse(payload))
    .replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '');
  const secret = mistake === 'wrong' ? caller.secret + 'x' : caller.secret;
  const signature = cryptoJs.HmacSHA256(encoded, secret).toString(cryptoJs.enc.Hex);
  call.setHeader(caller.headers + 'Timestamp', timestamp);
  call.setHeader(caller.headers + 'Client-Id', caller.id);
  call.setHeader(caller.headers + 'Signature', signature);
}
