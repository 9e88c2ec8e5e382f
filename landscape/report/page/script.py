"""The few lines of JavaScript of the page: draw what is visible, switch an axis, turn surfaces together."""

SCRIPT = """
(function () {
  "use strict";
  const charts = JSON.parse(document.getElementById("charts").textContent);
  const config = {displayModeBar: false, responsive: true, scrollZoom: false};
  const touch = window.matchMedia("(pointer: coarse)").matches;
  const surfaces = [];

  function hasWebGL() {
    const canvas = document.createElement("canvas");
    return Boolean(canvas.getContext("webgl2") || canvas.getContext("webgl"));
  }

  function draw(div) {
    if (div.dataset.drawn) return;
    div.dataset.drawn = "yes";
    const chart = charts[div.id];
    const surface = div.classList.contains("surface");
    if (surface && !hasWebGL()) {
      div.textContent = "This browser cannot draw in three dimensions; see slices_3d in the folder figures.";
      return;
    }
    // On a touch screen a drag across a flat plot has to scroll the page.
    if (!surface && touch) chart.layout.dragmode = false;
    chart.epochs = chart.traces.map(function (trace) { return trace.x; });
    Plotly.newPlot(div, chart.traces, chart.layout, config).then(function () {
      div.dataset.ready = "yes";
      if (surface) follow(div);
    });
  }

  // Turning one surface turns the others; the flag keeps their answers from coming back.
  let turning = false;
  function turn(camera, except) {
    turning = true;
    const others = surfaces.filter(function (div) { return div !== except; });
    Promise.all(others.map(function (div) { return Plotly.relayout(div, {"scene.camera": camera}); }))
      .then(function () { turning = false; });
  }
  function follow(div) {
    surfaces.push(div);
    const onTurn = function (change) {
      const camera = change["scene.camera"];
      if (camera && !turning) turn(JSON.parse(JSON.stringify(camera)), div);
    };
    div.on("plotly_relayouting", onTurn);
    div.on("plotly_relayout", onTurn);
  }

  // The same for those who use the keyboard: buttons that move the eye around the vertical axis.
  const start = {eye: {x: 1.3, y: -1.4, z: 1.15}, center: {x: 0, y: 0, z: -0.1}, up: {x: 0, y: 0, z: 1}};
  function move(how) {
    if (!surfaces.length) return;
    if (how === "reset") return turn(JSON.parse(JSON.stringify(start)));
    const camera = JSON.parse(JSON.stringify(surfaces[0]._fullLayout.scene.camera));
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

  function plotsIn(element) {
    const plots = Array.from(element.querySelectorAll(".plot"));
    return plots.filter(function (div) { return !div.closest("details:not([open])"); });
  }
  document.querySelectorAll("details").forEach(function (details) {
    details.addEventListener("toggle", function () { if (details.open) plotsIn(details).forEach(draw); });
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
  plotsIn(document).forEach(draw);
})();
"""
