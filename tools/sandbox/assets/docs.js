// Shows a document in Swagger UI, lets the sandbox sign each call right before it is sent, and shows what was signed.
"use strict";

const page = document.body.dataset;
const part = (id) => document.getElementById(id);

/** Whose credentials sign a call, and which text; nothing for a link of the customer. */
function signing(request, url) {
  const path = url.pathname + url.search;
  const message = (text) => (request.method.toUpperCase() === "GET" ? text : request.body ?? "");
  if (url.pathname.startsWith("/tikivip/")) return { as: "tiki", message: message(path) };
  if (url.pathname.startsWith("/partner/")) return { as: "partner", message: message(path) };
  // The core's address ends here, and what follows it is signed.
  if (url.pathname.startsWith(`${page.core}/`)) return { as: "partner", message: message(path.slice(page.core.length)) };
  return null;
}

/** Shows one part of the panel, and hides the others. */
function show(shown) {
  for (const id of ["nothing-yet", "not-signed", "failed", "steps"]) part(id).hidden = id !== shown;
}

async function signed(request) {
  // The document itself is not a call.
  if (request.loadSpec) return request;
  const url = new URL(request.url, location.href);
  // What is signed must be what is sent, byte by byte.
  if (request.body !== undefined && typeof request.body !== "string") request.body = JSON.stringify(request.body);
  const what = signing(request, url);
  if (!what) {
    part("link").href = url.href;
    show("not-signed");
    // It leads to another address, where this page may not follow.
    request.redirect = "manual";
    return request;
  }
  show("failed");
  const answer = await fetch(`/_sandbox/docs/sign?as=${what.as}`, { method: "POST", body: what.message });
  if (!answer.ok) throw new Error(await answer.text());
  const steps = await answer.json();
  Object.assign(request.headers, steps.headers);
  part("message").textContent = what.message;
  part("payload").textContent = steps.payload;
  part("encoded").textContent = steps.encoded;
  const headers = Object.entries(steps.headers).map(([name, value]) => `${name}: ${value}`);
  part("headers").textContent = headers.join("\n");
  show("steps");
  return request;
}

part("signed").open = matchMedia("(min-width: 64rem)").matches;
window.ui = SwaggerUIBundle({
  url: page.document,
  domNode: part("viewer"),
  requestInterceptor: signed,
  tryItOutEnabled: true,
  deepLinking: true,
  defaultModelsExpandDepth: 0,
  // No question to a server elsewhere whether the document is valid.
  validatorUrl: null,
});
