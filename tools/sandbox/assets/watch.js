"use strict";
// Follows what happens. The server writes all HTML, with texts escaped; here it is only put into its place.
(() => {
  const MAX_CALLS = 300;
  const PAUSE_MS = 400;
  const board = document.getElementById("board");
  const calls = document.getElementById("calls");
  const live = document.getElementById("live");

  const parsed = (html) => new DOMParser().parseFromString(html, "text/html");

  // Where a person is with the keyboard, or chooses, nothing is replaced.
  const isBusy = () => board.contains(document.activeElement);

  let waiting = false;
  let again = false;
  async function refresh() {
    if (waiting || isBusy()) {
      again = true;
      return;
    }
    waiting = true;
    again = false;
    try {
      const answer = await fetch(board.dataset.from);
      if (answer.ok) {
        const page = parsed(await answer.text());
        const fresh = page.getElementById("board") || page.body;
        const open = [...board.querySelectorAll("details[open]")].map((details) => details.id);
        for (const id of open) fresh.querySelector("#" + CSS.escape(id))?.setAttribute("open", "");
        board.replaceChildren(...fresh.childNodes);
      }
    } catch {
      // The sandbox has stopped. The event source says so.
    }
    await new Promise((done) => setTimeout(done, PAUSE_MS));
    waiting = false;
    if (again) refresh();
  }

  const source = new EventSource("/_sandbox/events");
  source.onmessage = (event) => {
    if (calls) {
      const call = parsed(event.data).body.firstElementChild;
      if (call && !document.getElementById(call.id)) calls.prepend(call);
      while (calls.childElementCount > MAX_CALLS) calls.lastElementChild.remove();
    }
    refresh();
  };
  source.onopen = () => {
    if (live) live.textContent = "Đang theo dõi trực tiếp · live";
    refresh();
  };
  source.onerror = () => {
    if (live) live.textContent = "Mất kết nối với sandbox · the sandbox does not answer";
  };
  // Ages grow although nothing happens.
  setInterval(refresh, 5000);
  board.addEventListener("focusout", (event) => {
    if (again && !board.contains(event.relatedTarget)) refresh();
  });
})();
