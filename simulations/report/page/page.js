"use strict";
// Draws the data that stands in #data. Times are microseconds since the start of the run.
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const verdict = data.verdict;
  const many = data.terminals.length > 40;
  const by = (id) => document.getElementById(id);
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const seconds = (us) => (us / 1e6).toFixed(us < 1e8 ? 2 : 1) + " s";
  const nameOf = (index) => index < 0 ? "nobody" : data.terminals[index] ?? "?";
  // Told apart by hue; the golden angle keeps neighbours far from each other.
  const leaderColour = (index) => index < 0 ? colour("--lane") :
    `hsl(${(index * 137.5 + 205) % 360} ${matchMedia("(prefers-color-scheme: dark)").matches ? "38% 48%" : "52% 66%"})`;

  // The value of a change list [[at, value], ...] at a moment.
  const valueAt = (changes, at, before) => {
    let low = 0, high = changes.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (changes[middle][0] <= at) low = middle + 1; else high = middle;
    }
    return low === 0 ? before : changes[low - 1][1];
  };
  const isUp = (lane, at) => lane.lives.some(([from, to]) => from <= at && at <= to);

  // ---- words ----------------------------------------------------------------------------------
  const cell = (row, text, kind) => {
    const td = row.insertCell();
    td.textContent = text;
    if (kind) td.className = kind;
    return td;
  };
  const fill = (id, rows) => {
    const body = by(id).tBodies[0];
    body.textContent = "";
    for (const cells of rows) {
      const row = body.insertRow();
      for (const [text, kind] of cells) cell(row, text, kind);
    }
  };

  const violations = verdict.judgements
    .flatMap((judgement) => judgement.violations.map((found) => ({...found, checker: judgement.checker})))
    .sort((left, right) => left.at_us - right.at_us);

  document.title = `${verdict.scenario}: ${verdict.passed ? "passed" : "failed"}`;
  by("name").textContent = verdict.scenario;
  by("purpose").textContent = verdict.purpose;
  by("verdict").textContent = verdict.passed ? "Passed" : "Failed";
  by("verdict").classList.add(verdict.passed ? "passed" : "failed");
  by("run").textContent = `seed ${verdict.seed} · ${verdict.executor} · ${seconds(verdict.lasted_us)}` +
    (verdict.took_us ? ` in ${seconds(verdict.took_us)}` : "") + (verdict.trace_hash ? ` · trace ${verdict.trace_hash}` : "") +
    (verdict.planted_bug ? ` · planted bug: ${verdict.planted_bug}, to be caught by ${verdict.must_be_caught_by}` : "");

  fill("checks", verdict.judgements.map((judgement) => {
    const state = judgement.not_judged ? ["not judged", "unjudged"]
      : judgement.violations.length ? ["violated", "violated"] : ["holds", "holds"];
    return [[judgement.checker, "time"], state,
      [judgement.not_judged ? `${judgement.what} (${judgement.not_judged})` : judgement.what]];
  }));
  fill("figures", verdict.figures.map((figure) => [[figure.name], [`${figure.value} ${figure.unit}`.trim(), "number"]]));
  fill("faults", data.faults.length === 0 ? [[["nothing"]]] : data.faults.map((fault) =>
    [[`${seconds(fault.from)} – ${seconds(fault.to)}`, "time"], [fault.what]]));
  by("alarm-part").hidden = data.alarms.length === 0;
  fill("alarms", data.alarms.map(([at, terminal, code, message]) =>
    [[seconds(at), "time"], [nameOf(terminal), "time"], [`${code}: ${message}`]]));

  by("failing").hidden = violations.length === 0;
  for (const found of violations.slice(0, 20)) {
    const item = document.createElement("li");
    item.textContent = `${seconds(found.at_us)} ${found.checker}: ${found.message}`;
    by("violations").append(item);
  }
  by("trace").textContent = data.trace.map(([at, line]) => `${(at / 1e6).toFixed(6)}  ${line}`).join("\n");
  by("legend").textContent = "Each lane is a terminal: the colour tells whom it follows, the full height that it leads, " +
    "a gap that it is down. Ticks below it are sales. On darker ground stands who cannot reach the first terminal.";
  const pieces = (value) => (value / data.stock.units_per_piece).toLocaleString("en", {maximumFractionDigits: 3});
  by("stock-title").textContent = data.stock.product ? `Stock of ${data.stock.product}, as each terminal counts it` : "Stock";
  by("stock-head").textContent = data.stock.product ? `stock of ${data.stock.product}` : "stock";
  by("stock-note").textContent = "The product with the most entries. Where the lines part, terminals lack entries; at the end they must be one." +
    (data.stock.is_cut_short ? " The run was too long to draw whole: the chart ends early." : "");

  // ---- pictures -------------------------------------------------------------------------------
  const left = many ? 62 : 78, right = 10, bottom = 22;
  const surface = (canvas, height) => {
    const width = canvas.parentElement.clientWidth - 16;
    const scale = window.devicePixelRatio || 1;
    canvas.width = width * scale;
    canvas.height = height * scale;
    canvas.style.height = `${height}px`;
    const pen = canvas.getContext("2d");
    pen.scale(scale, scale);
    pen.font = `${many ? 9 : 11}px system-ui, sans-serif`;
    pen.textBaseline = "middle";
    const x = (at) => left + (width - left - right) * at / Math.max(data.end, 1);
    return {pen, width, x};
  };
  const timeAxis = ({pen, width, x}, y) => {
    pen.fillStyle = colour("--quiet");
    pen.strokeStyle = colour("--line");
    const raw = data.end / 8, power = 10 ** Math.floor(Math.log10(Math.max(raw, 1)));
    const step = [1, 2, 5, 10].map((factor) => factor * power).find((candidate) => candidate >= raw);
    pen.textAlign = "center";
    for (let at = 0; at <= data.end; at += step) {
      pen.fillText(`${+(at / 1e6).toPrecision(6)} s`, Math.min(Math.max(x(at), left + 8), width - right - 8), y + 12);
      pen.beginPath(); pen.moveTo(x(at), y); pen.lineTo(x(at), y + 4); pen.stroke();
    }
    pen.textAlign = "right";
  };
  const momentLine = ({pen, x}, height) => {
    pen.strokeStyle = colour("--ink");
    pen.lineWidth = 1;
    pen.beginPath(); pen.moveTo(x(moment), 0); pen.lineTo(x(moment), height); pen.stroke();
  };

  // Faults that last at the same time stand in rows of their own.
  const faultRows = (() => {
    const ends = [];
    return data.faults.map((fault) => {
      let row = ends.findIndex((end) => end <= fault.from);
      if (row < 0) row = ends.length < 6 ? ends.length : ends.indexOf(Math.min(...ends));
      ends[row] = Math.max(fault.to, fault.from + data.end / 12);
      return row;
    });
  })();

  const drawLanes = () => {
    const step = many ? 11 : 26, body = many ? 7 : 14;
    const rows = data.faults.length ? Math.max(...faultRows) + 1 : 0;
    const top = rows * 18 + 6, height = top + data.lanes.length * step + bottom;
    const area = surface(by("lanes"), height), {pen, x} = area;
    data.faults.forEach((fault, index) => {
      const y = faultRows[index] * 18, from = x(fault.from), wide = Math.max(2, x(fault.to) - from);
      pen.fillStyle = colour("--fault-soft");
      pen.fillRect(from, y, wide, height - y - bottom);
      pen.fillStyle = colour("--fault");
      pen.fillRect(from, y, wide, 2);
      pen.textAlign = "left";
      pen.save();
      pen.beginPath(); pen.rect(from, y, Math.max(wide, (area.width - left) / 12), 18); pen.clip();
      pen.fillText(fault.what, from + 2, y + 10);
      pen.restore();
    });
    data.lanes.forEach((lane, index) => {
      const y = top + index * step;
      // Terminals whose part of the network is not that of the first one stand on darker ground.
      data.partitions.forEach(([at, parts], place) => {
        if (!(parts[index] > 0)) return;
        const end = data.partitions[place + 1]?.[0] ?? data.end;
        pen.globalAlpha = Math.min(0.2 + 0.12 * parts[index], 0.6);
        pen.fillStyle = colour("--part");
        pen.fillRect(x(at), y - 2, Math.max(1, x(end) - x(at)), step);
        pen.globalAlpha = 1;
      });
      pen.textAlign = "right";
      pen.fillStyle = colour("--ink");
      pen.fillText(nameOf(index), left - 8, y + body / 2);
      for (const [from, to] of lane.lives) {
        pen.fillStyle = colour("--lane");
        pen.fillRect(x(from), y + body * 0.25, Math.max(1, x(to) - x(from)), body * 0.5);
      }
      lane.follows.forEach(([at, whom], place) => {
        if (whom < 0) return;
        const end = lane.follows[place + 1]?.[0] ?? data.end;
        pen.fillStyle = leaderColour(whom);
        pen.fillRect(x(at), y + body * 0.25, Math.max(0.5, x(end) - x(at)), body * 0.5);
      });
      for (const [from, to] of lane.leads) {
        pen.fillStyle = leaderColour(index);
        pen.fillRect(x(from), y, Math.max(1, x(to) - x(from)), body);
      }
      const most = Math.max(1, ...lane.sales.map(([, count]) => count));
      pen.fillStyle = colour("--sale");
      for (const [column, count] of lane.sales) {
        const tall = many ? 2 : 2 + 4 * count / most;
        pen.fillRect(x(column * data.end / data.columns), y + step - 3 - tall, 1, tall);
      }
    });
    for (const [at, terminal] of data.alarms) {
      pen.fillStyle = colour("--fault");
      const y = top + terminal * step;
      pen.beginPath(); pen.moveTo(x(at) - 4, y - 4); pen.lineTo(x(at) + 4, y - 4); pen.lineTo(x(at), y + 3); pen.fill();
    }
    pen.strokeStyle = colour("--bad");
    pen.lineWidth = 1.5;
    for (const found of violations.slice(0, 50)) {
      pen.beginPath(); pen.moveTo(x(found.at_us), 0); pen.lineTo(x(found.at_us), height - bottom); pen.stroke();
    }
    timeAxis(area, height - bottom);
    momentLine(area, height - bottom);
  };

  const drawLag = () => {
    const height = 170, area = surface(by("lag"), height), {pen, width, x} = area;
    const floor = 100, greatest = Math.max(1e4, ...data.lag.map((row) => row[2]));
    const y = (us) => (height - bottom) - (height - bottom - 10) *
      Math.log(Math.max(us, floor) / floor) / Math.log(greatest / floor);
    pen.textAlign = "right";
    for (let us = floor; us <= greatest; us *= 10) {
      pen.fillStyle = colour("--quiet");
      pen.fillText(us < 1e6 ? `${us / 1e3} ms` : `${us / 1e6} s`, left - 8, y(us));
      pen.fillStyle = colour("--line");
      pen.fillRect(left, y(us), width - left - right, 0.5);
    }
    for (const [column, median, most, incomplete] of data.lag) {
      const at = x((column + 0.5) * data.end / data.columns);
      if (most > 0 || incomplete === 0) {
        pen.fillStyle = colour("--fault");
        pen.fillRect(at - 1, y(most) - 1, 2.5, 2.5);
        pen.fillStyle = colour("--good");
        pen.fillRect(at - 1, y(median) - 1, 2.5, 2.5);
      }
      if (incomplete > 0) {
        pen.fillStyle = colour("--bad");
        pen.fillRect(at - 1, 2, 3, 6);
      }
    }
    timeAxis(area, height - bottom);
    momentLine(area, height - bottom);
  };

  const drawStock = () => {
    const height = 220, area = surface(by("stock"), height), {pen, width, x} = area;
    const values = data.stock.series.flatMap((line) => line.map(([, value]) => value));
    const low = Math.min(0, ...values), high = Math.max(0, ...values, low + 1);
    const y = (value) => (height - bottom - 6) - (height - bottom - 16) * (value - low) / (high - low);
    pen.textAlign = "right";
    for (const value of [low, (low + high) / 2, high]) {
      pen.fillStyle = colour("--quiet");
      pen.fillText(pieces(value), left - 8, y(value));
      pen.fillStyle = colour("--line");
      pen.fillRect(left, y(value), width - left - right, 0.5);
    }
    pen.lineWidth = many ? 0.7 : 1.4;
    data.stock.series.forEach((line, index) => {
      pen.strokeStyle = leaderColour(index);
      pen.beginPath();
      let last = 0;
      pen.moveTo(x(0), y(0));
      for (const [at, value] of line) {
        pen.lineTo(x(at), y(last));
        pen.lineTo(x(at), y(value));
        last = value;
      }
      pen.lineTo(x(data.end), y(last));
      pen.stroke();
    });
    timeAxis(area, height - bottom);
    momentLine(area, height - bottom);
  };

  // ---- the moment -----------------------------------------------------------------------------
  let moment = violations.length ? violations[0].at_us : data.end;
  const slider = by("moment");
  const showMoment = () => {
    by("moment-text").textContent = seconds(moment);
    const parts = valueAt(data.partitions, moment, []);
    fill("state", data.lanes.map((lane, index) => {
      const up = isUp(lane, moment), whom = valueAt(lane.follows, moment, -1);
      const stock = valueAt(data.stock.series[index], moment, 0);
      return [[nameOf(index)], [up ? "running" : "down"],
        [!up ? "" : whom === index ? "leads" : nameOf(whom)],
        [up ? String(valueAt(lane.views, moment, 0)) : "", "number"],
        [parts.length ? String((parts[index] ?? 0) + 1) : "1", "number"], [pieces(stock), "number"]];
    }));
  };
  const draw = () => { drawLanes(); drawLag(); drawStock(); };
  const moveTo = (at) => {
    moment = Math.min(Math.max(at, 0), data.end);
    slider.value = String(Math.round(1000 * moment / Math.max(data.end, 1)));
    showMoment();
    draw();
  };
  slider.addEventListener("input", () => {
    moment = Number(slider.value) / 1000 * data.end;
    showMoment();
    draw();
  });
  by("to-failure").hidden = violations.length === 0;
  by("to-failure").addEventListener("click", () => moveTo(violations[0].at_us));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  new ResizeObserver(draw).observe(by("lanes").parentElement);
  moveTo(moment);
})();
