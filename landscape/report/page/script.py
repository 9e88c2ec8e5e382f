"""The few lines of JavaScript of the page: draw what is visible, switch axes and colours, turn surfaces."""

SCRIPT = """
(function () {
  "use strict";
  const charts = JSON.parse(document.getElementById("charts").textContent);
  const config = {displayModeBar: false, responsive: true, scrollZoom: false};
  const touch = window.matchMedia("(pointer: coarse)").matches;
  const surfaces = [];

  // Plotly comes packed; its text has to be that whose hash the page's policy names, or it would not run.
  function unpack() {
    const packed = atob(document.getElementById("plotly").textContent);
    const bytes = Uint8Array.from(packed, function (letter) { return letter.charCodeAt(0); });
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    return new Response(stream).text().then(function (text) {
      const script = document.createElement("script");
      script.textContent = text;
      document.head.appendChild(script);
    });
  }
  const unpacked = unpack();

  function hasWebGL() {
    const canvas = document.createElement("canvas");
    return Boolean(canvas.getContext("webgl2") || canvas.getContext("webgl"));
  }

  function draw(div) {
    if (div.dataset.drawn) return null;
    div.dataset.drawn = "yes";
    const chart = charts[div.id];
    const surface = div.classList.contains("surface");
    if (surface && !hasWebGL()) {
      document.documentElement.classList.add("no-webgl");
      return null;
    }
    // On a touch screen a drag across a flat plot has to scroll the page.
    if (!surface && touch) chart.layout.dragmode = false;
    chart.epochs = chart.traces.map(function (trace) { return trace.x; });
    return Plotly.newPlot(div, chart.traces, chart.layout, config).then(function () {
      div.dataset.ready = "yes";
      if (surface) follow(div);
      if (colored) recolor(div);
    });
  }

  // Points of one optimizer stay full and those of another empty, whatever they are coloured by.
  let colored = "";
  function recolor(div) {
    const chart = charts[div.id], colors = chart.colors[colored];
    if (!colors && (colored || !Object.keys(chart.colors).length)) return;
    chart.looks = chart.looks || chart.traces.map(function (trace) { return copy(trace.marker); });
    const fill = [], line = [];
    chart.looks.forEach(function (look, index) {
      fill.push(colors && look.color !== "white" ? colors[index] : look.color);
      line.push(colors ? colors[index] : look.line.color);
    });
    Plotly.restyle(div, {"marker.color": fill, "marker.line.color": line});
  }
  document.querySelectorAll("input[name=colored]").forEach(function (input) {
    input.addEventListener("change", function () {
      colored = input.value;
      document.querySelectorAll("[data-colored]").forEach(function (list) {
        list.hidden = list.dataset.colored !== colored;
      });
      document.querySelectorAll("[id^=gap-]").forEach(function (div) { if (div.dataset.ready) recolor(div); });
    });
  });

  // One after the other, with a breath between them, so that the page can be read and scrolled meanwhile; what is
  // nearest to the window first, so that nobody who scrolls waits for what is not seen.
  const waiting = [];
  let drawing = false;
  function nearest() {
    const far = waiting.map(function (div) {
      const box = div.getBoundingClientRect();
      return Math.max(box.top - window.innerHeight, -box.bottom, 0);
    });
    return waiting.splice(far.indexOf(Math.min.apply(null, far)), 1)[0];
  }
  function drawNext() {
    drawing = waiting.length > 0;
    if (!drawing) return null;
    return Promise.resolve(draw(nearest()))
      .then(function () { return new Promise(function (resume) { setTimeout(resume); }); })
      .then(drawNext);
  }
  function drawAll(plots) {
    waiting.push.apply(waiting, plots);
    if (!drawing) unpacked.then(drawNext);
    drawing = true;
  }

  // Turning one surface turns the others. Their own answers are ignored, the last camera never is.
  let leader = null, busy = false, next = null;
  function turn(camera, from) {
    leader = from || null;
    next = copy(camera);
    if (!busy) pass();
  }
  function pass() {
    const camera = next, others = surfaces.filter(function (div) { return div !== leader; });
    busy = true;
    next = null;
    Promise.all(others.map(function (div) { return Plotly.relayout(div, {"scene.camera": copy(camera)}); }))
      .then(function () {
        busy = false;
        if (next) pass();
      });
  }
  function copy(camera) { return JSON.parse(JSON.stringify(camera)); }
  function follow(div) {
    surfaces.push(div);
    const onTurn = function (change) {
      if (change["scene.camera"] && !(busy && div !== leader)) turn(change["scene.camera"], div);
    };
    div.on("plotly_relayouting", onTurn);
    div.on("plotly_relayout", onTurn);
  }

  // The same for those who use the keyboard: buttons that move the eye around the vertical axis.
  const start = {eye: {x: 1.38, y: -1.5, z: 1.22}, center: {x: 0, y: 0, z: -0.1}, up: {x: 0, y: 0, z: 1}};
  function move(how) {
    if (!surfaces.length) return;
    if (how === "reset") return turn(start);
    const camera = copy(surfaces[0].layout.scene.camera);
    const eye = camera.eye;
    const radius = Math.hypot(eye.x, eye.y, eye.z);
    let around = Math.atan2(eye.y, eye.x);
    let above = Math.asin(eye.z / radius);
    if (how === "left") around -= 0.2;
    if (how === "right") around += 0.2;
    if (how === "up") above = Math.min(1.5, above + 0.15);
    if (how === "down") above = Math.max(-1.5, above - 0.15);
    const far = radius * (how === "nearer" ? 0.85 : how === "farther" ? 1.18 : 1);
    camera.eye = {
      x: far * Math.cos(above) * Math.cos(around), y: far * Math.cos(above) * Math.sin(around), z: far * Math.sin(above)
    };
    turn(camera);
  }
  document.querySelectorAll("button[data-move]").forEach(function (button) {
    button.addEventListener("click", function () { move(button.dataset.move); });
  });

  // A slider through the checkpoints of a training: every surface shows the way up to there.
  document.querySelectorAll("input[data-checkpoints]").forEach(function (input) {
    const names = JSON.parse(input.dataset.checkpoints);
    input.addEventListener("input", function () {
      const count = Number(input.value) + 1;
      input.parentNode.querySelector("output").textContent = names[count - 1];
      surfaces.forEach(function (div) {
        const traces = charts[div.id].traces;
        const whole = traces.find(function (trace) { return trace.name === "way"; });
        const walked = traces.findIndex(function (trace) { return trace.name === "walked"; });
        const first = function (key) { return [whole[key].slice(0, count)]; };
        Plotly.restyle(div, {x: first("x"), y: first("y"), z: first("z"), text: first("text")}, [walked]);
      });
    });
  });

  function plotsIn(element) {
    const plots = Array.from(element.querySelectorAll(".plot"));
    return plots.filter(function (div) { return !div.closest("details:not([open])"); });
  }
  document.querySelectorAll("details").forEach(function (details) {
    details.addEventListener("toggle", function () { if (details.open) drawAll(plotsIn(details)); });
  });
  document.querySelectorAll("input[name=against]").forEach(function (input) {
    input.addEventListener("change", function () {
      document.querySelectorAll("[id^=curve-]").forEach(function (div) {
        const chart = charts[div.id];
        const seconds = input.value === "seconds";
        Plotly.update(div, {x: seconds ? chart.seconds : chart.epochs},
          {"xaxis.title.text": seconds ? "seconds of training" : "epoch", "xaxis.autorange": true});
      });
    });
  });
  drawAll(plotsIn(document));
})();
"""
