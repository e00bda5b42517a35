// Looks at a page in Chromium and prints, as JSON, what a person would see.
//
//   node tests/browser/look.mjs PAGE.html [--screenshot FILE.png] [--width N] [--dark]
//
// Moves the slider through the run, so that what the table says of a moment is among the answers.
// Anything the page asks of the network, and any error on its console, is reported: a report must
// stand alone.
import {pathToFileURL} from "node:url";
import {parseArgs} from "node:util";

import {chromium} from "playwright-core";

const {values: options, positionals: [page_file]} = parseArgs({
  allowPositionals: true,
  options: {screenshot: {type: "string"}, width: {type: "string", default: "1280"}, dark: {type: "boolean"}},
});
if (!page_file) {
  console.error("usage: node tests/browser/look.mjs PAGE.html [--screenshot FILE.png] [--width N] [--dark]");
  process.exit(2);
}

const browser = await chromium.launch({
  executablePath: "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync"],
});
try {
  const page = await browser.newPage({
    viewport: {width: Number(options.width), height: 900},
    colorScheme: options.dark ? "dark" : "light",
  });
  const errors = [], requests = [];
  page.on("console", (message) => { if (message.type() === "error") errors.push(message.text()); });
  page.on("pageerror", (error) => errors.push(String(error)));
  page.on("request", (request) => { if (!request.url().startsWith("file:")) requests.push(request.url()); });
  await page.goto(pathToFileURL(page_file).href);

  const rows = (id) => page.$$eval(`#${id} tbody tr`, (list) =>
    list.map((row) => [...row.cells].map((cell) => cell.textContent)));
  // How much of a canvas is painted: an empty one would be nothing at all.
  const painted = (id) => page.$eval(`#${id}`, (canvas) => {
    const pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
    let painted = 0;
    for (let i = 3; i < pixels.length; i += 4) if (pixels[i] > 0) painted += 1;
    return painted / (pixels.length / 4);
  });
  const stateAt = async (thousandths) => {
    await page.$eval("#moment", (slider, value) => {
      slider.value = String(value);
      slider.dispatchEvent(new Event("input"));
    }, thousandths);
    return {moment: await page.textContent("#moment-text"), rows: await rows("state")};
  };

  const seen = {
    title: await page.title(),
    name: await page.textContent("#name"),
    purpose: await page.textContent("#purpose"),
    verdict: await page.textContent("#verdict"),
    run: await page.textContent("#run"),
    figures: Object.fromEntries(await rows("figures")),
    checks: await rows("checks"),
    faults: await rows("faults"),
    violations_shown: await page.isVisible("#violations"),
    violations: await page.$$eval("#violations li", (list) => list.map((item) => item.textContent)),
    trace_lines: (await page.textContent("#trace")).split("\n").filter(Boolean).length,
    painted: {lanes: await painted("lanes"), lag: await painted("lag"), stock: await painted("stock")},
    wider_than_window: await page.evaluate(() =>
      document.documentElement.scrollWidth > document.documentElement.clientWidth),
    at_opening: await page.textContent("#moment-text"),
    moments: [],
  };
  for (let thousandths = 0; thousandths <= 1000; thousandths += 5) seen.moments.push(await stateAt(thousandths));
  if (await page.isVisible("#to-failure")) {
    await page.click("#to-failure");
    seen.after_failing_moment = await page.textContent("#moment-text");
  }
  if (options.screenshot) await page.screenshot({path: options.screenshot, fullPage: true});
  console.log(JSON.stringify({...seen, errors, requests}));
} finally {
  await browser.close();
}
