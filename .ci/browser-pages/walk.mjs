// Buys in the shop of a sandbox, pays, gives money back, and looks at every page on the way and at all the others.

import { createHmac } from "node:crypto";
import { readFileSync } from "node:fs";

import { VIEWS, Window, conclude, launch } from "./look.mjs";

const ready = JSON.parse(readFileSync(process.env.READY, "utf8"));
const { url, tiki_url, core_url, s3_url } = ready;

/** Pages that an address alone shows: its name, where it is, its status, and what stands there. */
const PAGES = [
  ["link-unknown", () => `${url}/pay/unknown`, 404, "không hợp lệ", "Quay lại Tiki VIP"],
  ["link-expired", expiredLink, 410, "đã hết hạn", "Quay lại Tiki VIP"],
  ["screen-refused", () => `${core_url}/pay?amount=1`, 400, "không hợp lệ"],
  ["screen-expired", expiredScreen, 410, "hết thời hạn", "Quay lại Tiki VIP"],
  ["report", () => process.env.REPORT, 200, "Đối soát Tiki VIP"],
  ["report-link-unknown", () => `${url}/report/unknown`, 404, "không hợp lệ"],
  ["watch", () => `${url}/_sandbox?still=yes`, 200, "Thanh toán", "Hàng chờ", "Cảnh báo", "Cuộc gọi"],
  ["files", () => `${s3_url}/_sandbox/files`, 200, "Tệp đối soát"],
];

/** The pages that the firewall and API Gateway have of the template: nothing here makes AWS answer so. */
const HTML = /(?:text\/html|Content): !Sub \['(<!doctype html>[^']*)'/g;
const OF_AWS = [...new Set([...readFileSync("template.yaml", "utf8").matchAll(HTML)].map(([, page]) => page))];

/** A link of 1970, sealed with the sandbox's own key as shared/signing does. */
function expiredLink() {
  const named = Buffer.concat([Buffer.alloc(16, 7), Buffer.from("0000000000000001", "hex")]);
  const seal = createHmac("sha256", "sandbox-link-key").update("tikivip payment link v1\0").update(named);
  const token = Buffer.concat([named, seal.digest().subarray(0, 16)]);
  return `${url}/pay/${token.toString("base64url")}`;
}

/** The payment screen of a payment whose time is over, signed as payment-redirect does. */
function expiredScreen() {
  const signed = "transaction_id=x&amount=150000&expires_at=1000&return_url=https%3A%2F%2Ftiki.vn%2Fx";
  const timestamp = Date.now();
  const { core_client_id, core_secret } = ready;
  const payload = Buffer.from(`${timestamp}.${core_client_id}./pay?${signed}`).toString("base64url");
  const signature = createHmac("sha256", core_secret).update(payload).digest("hex");
  return `${core_url}/pay?${signed}&client_id=${core_client_id}&timestamp=${timestamp}&signature=${signature}`;
}

async function order(window, amount, description) {
  const { page } = window;
  await window.goto(`${tiki_url}/`);
  await page.getByLabel("Số tiền").fill(amount);
  await page.getByLabel("Mặt hàng").fill(description);
  await page.getByRole("button", { name: "Mua" }).click();
  await page.waitForURL(`${core_url}/pay?**`);
}

async function purchase(window) {
  const { page } = window;
  const description = "Ấm đun nước siêu tốc & bộ chén sứ Bát Tràng sáu chiếc";
  await window.goto(`${tiki_url}/`);
  await window.look("shop", "Mua", "Số tiền");
  await order(window, "150.000", description);
  await window.look("payment-screen", "150.000 ₫", description, "Hạn thanh toán", "Hủy giao dịch");
  const hour = /Hạn thanh toán\s*Pay before\s*\d\d:\d\d, \d\d\/\d\d\/\d{4}/;
  window.must(hour.test(await page.innerText("dl")), "the time to pay is not as 07:00, 27/11/2026");

  await page.getByRole("button", { name: "Thanh toán 150.000 ₫" }).click();
  await page.getByText("Đã thanh toán").waitFor();
  await window.look("result-paid", "150.000 ₫", description);

  // The button back never leads to a button that pays.
  const result = page.url();
  await window.back();
  window.must(!(await window.canPay()), "after the payment, the button back leads to one that pays");
  await window.look("back");
  await window.goto(result);

  await page.getByRole("button", { name: "Hoàn tiền 75.000 ₫ Refund half" }).click();
  await page.getByText("Đã hoàn tiền").first().waitFor();
  await window.look("result-refunded", "75.000 ₫");
  await page.getByRole("button", { name: "Hoàn tiền 75.000 ₫ Refund all" }).click();
  await page.getByText("Đã hoàn tiền").nth(1).waitFor();
  window.must((await page.getByRole("button").count()) === 0, "more than all is given back");
  await page.getByRole("link", { name: "Mua tiếp" }).click();
  await window.look("shop-with-orders", "Đơn hàng", "Đã thanh toán");
}

async function otherWays(window) {
  const { page } = window;
  await order(window, "20000", "Sách");
  await page.getByRole("button", { name: "Hủy giao dịch" }).click();
  await page.getByText("Thanh toán không thành công").waitFor();
  await window.look("result-cancelled", "20.000 ₫");
  await page.goto(`${tiki_url}/`);
  await page.getByLabel("Số tiền").fill("một trăm");
  await page.getByRole("button", { name: "Mua" }).click();
  await window.look("shop-refuses", "Không đặt được hàng");
}

/** The page to watch follows a purchase in another tab, with and without script; and plays a scenario. */
async function watched(window) {
  const { page, context } = window;
  await order(window, "41000", "Khăn bông");
  const id = new URL(page.url()).searchParams.get("transaction_id");
  const watch = await context.newPage();
  await watch.goto(`${url}/_sandbox`);
  const row = watch.locator("#board tr", { has: watch.locator(`a[href$="${id}"]`) });
  await row.getByText("chờ thanh toán").waitFor();
  await page.getByRole("button", { name: "Thanh toán 41.000 ₫" }).click();
  await row.getByText("đã trừ tiền").waitFor();
  await row.getByText("thành công").nth(1).waitFor();
  await watch.close();
  await window.goto(`${url}/_sandbox/payments/${id}?still=yes`);
  await window.look("watch-payment", "41.000 ₫", "Đã thanh toán", "Nhật ký giao dịch", "chữ ký đúng");
  await window.goto(`${url}/_sandbox?still=yes`);
  await page.getByRole("button", { name: "Chạy" }).click();
  await window.look("scenario", "Đã xảy ra", "Tiki creates payment");
}

async function pages(window) {
  for (const [name, address, status, ...texts] of PAGES) {
    await window.goto(address(), status);
    await window.look(name, ...texts);
  }
  for (const [index, page] of OF_AWS.entries()) {
    await window.page.setContent(page);
    await window.look(`of-aws-${index}`, "Quý khách");
  }
}

const browser = await launch();
const problems = [];
let seen = 0;
async function view(one) {
  const window = await new Window(browser, one).open();
  try {
    await purchase(window);
    await otherWays(window);
    await watched(window);
    await pages(window);
  } catch (error) {
    window.report("walk", error.message);
    await window.page.screenshot({ path: `${process.env.SHOTS}/failed.png` }).catch(() => {});
  }
  problems.push(...window.problems);
  seen += window.seen;
  await window.context.close();
}
// Two at a time, because each waits for the sandbox now and then.
const waiting = [...VIEWS];
await Promise.all([1, 2].map(async () => {
  for (let one = waiting.shift(); one; one = waiting.shift()) await view(one);
}));
await browser.close();
conclude(problems, `${seen} looks at pages, in ${VIEWS.length} ways. The screenshots are in target/browser/.`);
