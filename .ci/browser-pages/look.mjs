// Looks at a page as people do: can everybody read it, does it fit, does the keyboard find its way?

import { mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

const require = createRequire(join(process.env.NODE_TOOLS, "x.js"));
const { chromium } = require("playwright-core");
const AXE = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

/** The rules of axe: WCAG 2.2 up to AA, and what axe itself recommends. */
const RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];

/** Every way in which the pages are looked at. */
export const VIEWS = [true, false].flatMap((script) =>
  [390, 1280].flatMap((width) => ["light", "dark"].map((scheme) => ({ script, width, scheme }))),
);

export const nameOf = ({ script, width, scheme }) => `${width}-${scheme}${script ? "" : "-noscript"}`;

export function launch() {
  mkdirSync(process.env.SHOTS, { recursive: true });
  return chromium.launch({
    executablePath: process.env.CHROMIUM,
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-component-update"],
    // Playwright switches off what a person has: a page that comes back as it was left.
    ignoreDefaultArgs: ["--disable-back-forward-cache"],
  });
}

/** A window in which the pages are looked at in one way. */
export class Window {
  constructor(browser, view) {
    Object.assign(this, { browser, view, problems: [], seen: 0 });
  }

  async open() {
    const { script, width, scheme } = this.view;
    this.context = await this.browser.newContext({
      viewport: { width, height: 800 },
      colorScheme: scheme,
      locale: "vi-VN",
    });
    this.context.setDefaultTimeout(10_000);
    this.page = await this.context.newPage();
    this.devtools = await this.context.newCDPSession(this.page);
    if (!script) await this.scripts(false);
    this.page.on("pageerror", (error) => this.report("script", error.message));
    this.page.on("console", (message) => {
      // The status of a page is compared where it is known.
      const isStatus = message.text().startsWith("Failed to load resource");
      if (message.type() === "error" && !isStatus) this.report("console", message.text());
    });
    this.page.on("request", (request) => {
      const { protocol, hostname } = new URL(request.url());
      const isHere = hostname === "127.0.0.1" || ["data:", "about:", "blob:"].includes(protocol);
      if (!isHere) this.report("request", `asks ${request.url()}`);
    });
    return this;
  }

  /** Switches the page's scripts on or off, those that a page on its way will bring, too. */
  async scripts(run) {
    await this.devtools.send("Emulation.setScriptExecutionDisabled", { value: !run });
  }

  /** The button back, also to a page that the browser has kept as it was left. */
  async back() {
    await this.page.goBack({ waitUntil: "commit" });
    await this.page.waitForTimeout(500);
  }

  report(kind, text) {
    this.problems.push({ kind, text: `${nameOf(this.view)} ${this.name ?? ""}: ${kind}: ${text}` });
  }

  must(holds, text) {
    if (!holds) this.report("walk", text);
  }

  async goto(url, status = 200) {
    const response = await this.page.goto(url);
    this.must(response.status() === status, `${url} answers ${response.status()}, not ${status}`);
  }

  /** Checks what is shown now, and takes a screenshot under this name. */
  async look(name, ...texts) {
    this.name = name;
    this.seen += 1;
    const body = await this.page.innerText("body");
    for (const text of texts) this.must(body.includes(text), `does not show “${text}”`);
    await this.page.screenshot({
      path: join(process.env.SHOTS, `${name}-${nameOf(this.view)}.png`),
      fullPage: true,
    });
    await this.read();
    await this.measure();
    await this.tab();
  }

  /** axe's rules. */
  async read() {
    // axe is a script itself: where the page has none, only axe may run.
    await this.scripts(true);
    if (!(await this.page.evaluate("typeof axe === 'object'"))) await this.page.evaluate(AXE);
    const found = await this.page.evaluate(
      (tags) => window.axe.run(document, { runOnly: tags, resultTypes: ["violations"] }),
      RULES,
    );
    await this.scripts(this.view.script);
    for (const { id, help, nodes } of found.violations) {
      const where = nodes.slice(0, 3).map((node) => `${node.html.slice(0, 120)} ${node.any[0]?.message ?? ""}`);
      this.report(id, `${help} (${nodes.length}): ${where.join(" | ")}`);
    }
    const lang = await this.page.getAttribute("html", "lang");
    if (lang !== "vi") this.report("lang", `the page's language is ${lang}`);
  }

  /** Nothing is wider than the screen. */
  async measure() {
    const wide = await this.page.evaluate(() => {
      const { clientWidth, scrollWidth } = document.documentElement;
      if (scrollWidth <= clientWidth) return null;
      const beyond = [...document.body.querySelectorAll("*")].filter(
        (element) => element.getBoundingClientRect().right > clientWidth + 1,
      );
      return `${scrollWidth} px: ${beyond.at(-1)?.outerHTML.slice(0, 120)}`;
    });
    if (wide) this.report("overflow", wide);
  }

  /** The tabulator reaches every field, link and button, and it can be seen where it is. */
  async tab() {
    const total = await this.page.evaluate(() => {
      document.activeElement?.blur();
      const all = document.querySelectorAll("a[href], button, input, select, textarea, summary");
      return [...all].filter((one) => !one.disabled && one.type !== "hidden" && one.checkVisibility()).length;
    });
    for (let step = 0; step < Math.min(total, 25); step += 1) {
      await this.page.keyboard.press("Tab");
      const hidden = await this.page.evaluate(() => {
        const element = document.activeElement;
        const { outlineStyle, outlineWidth } = getComputedStyle(element);
        const isSeen = outlineStyle === "auto" || (outlineStyle !== "none" && parseFloat(outlineWidth) >= 2);
        return isSeen && element !== document.body ? null : element.outerHTML.slice(0, 120);
      });
      if (hidden) this.report("focus", `cannot be seen at ${hidden}`);
    }
  }

  /** Whether the page has a button that pays. */
  async canPay() {
    const button = this.page.locator("button[value=pay]");
    return (await button.count()) > 0 && (await button.first().isVisible()) && button.first().isEnabled();
  }
}

/** Prints the problems, each once. */
export function conclude(problems, done) {
  for (const text of new Set(problems.map((problem) => problem.text))) console.log(text);
  if (problems.length === 0) console.log(done);
  process.exitCode = problems.length === 0 ? 0 : 1;
}
