// Plants a mistake in a page, and expects it to be found; and no mistake in the page without it.

import { VIEWS, Window, conclude, launch } from "./look.mjs";

const GOOD = `<!doctype html><html lang="vi"><meta charset="utf-8"><title>Thử</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>body { background: #fff; color: #222 } a:focus-visible, input:focus-visible { outline: 3px solid #222 }</style>
<main><h1>Thử</h1><p>Nội dung</p><label>Số tiền <input name="amount"></label> <a href="/">Quay lại</a></main></html>`;

/** What must be found, the text, the text with the mistake. */
const MISTAKES = [
  ["color-contrast", "<p>", '<p style="color: #fff; background: #5c94ff">'],
  ["label", "<label>Số tiền <input name", "<label>Số tiền</label> <input name"],
  ["overflow", "<p>", '<p style="width: 2000px">'],
  ["focus", "outline: 3px solid #222", "outline: none"],
  ["html-has-lang", ' lang="vi"', ""],
  ["lang", ' lang="vi"', ' lang="en"'],
  ["document-title", "<title>Thử</title>", ""],
  ["meta-viewport", "initial-scale=1", "user-scalable=no"],
  ["request", "<p>", '<p><img alt="" src="http://shop.invalid/x.png">'],
  ["script", "<p>", "<script>gone()</script><p>"],
  ["walk", "Nội dung", "Nội"],
];

const browser = await launch();
const problems = [];
for (const [expected, text, mistake] of [["", "", ""], ...MISTAKES]) {
  const window = await new Window(browser, VIEWS[0]).open();
  const page = GOOD.replace(text, mistake);
  if (expected && page === GOOD) problems.push({ text: `not planted: ${mistake}` });
  await window.page.setContent(page, { waitUntil: "load" });
  await window.look(`self-test-${expected || "good"}`, "Nội dung");
  const found = window.problems.map((problem) => problem.kind);
  const isRight = expected ? found.includes(expected) : found.length === 0;
  if (!isRight) problems.push({ text: `${expected || "no mistake"}: found ${found.join(", ") || "nothing"}` });
  await window.context.close();
}
const window = await new Window(browser, VIEWS[0]).open();
for (const [attributes, expected] of [["", true], ["disabled", false], ["hidden", false]]) {
  await window.page.setContent(`<button value="pay" ${attributes}>Thanh toán</button>`);
  if ((await window.canPay()) !== expected) problems.push({ text: `a button ${attributes}: is it live?` });
}
await browser.close();
conclude(problems, `${MISTAKES.length} planted mistakes were found.`);
