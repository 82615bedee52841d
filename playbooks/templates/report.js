"use strict";
(() => {
  const all = (selector, root = document) => Array.from(root.querySelectorAll(selector));
  const one = (selector) => document.querySelector(selector);

  // A link to a packet opens it, and what it is in.
  const reveal = () => {
    const packet = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    for (let part = packet; part; part = part.parentElement) if (part.tagName === "DETAILS") part.open = true;
    if (packet && packet.tagName === "DETAILS") packet.scrollIntoView({block: "start"});
  };
  addEventListener("hashchange", reveal);
  reveal();

  // Where nothing was captured, there is nothing to open.
  const toggle = one("[data-toggle]");
  if (toggle) {
    toggle.hidden = false;
    toggle.addEventListener("click", () => {
      const open = toggle.getAttribute("aria-pressed") !== "true";
      all("details.packet").forEach((packet) => { packet.open = open; });
      toggle.setAttribute("aria-pressed", open);
      toggle.textContent = open ? "Close all packets" : "Open all packets";
    });
  }

  // The walk: one step at a time.
  const walk = one("[data-walk]"), steps = all("[data-step]", walk);
  if (!steps.length) return;
  const trail = one("[data-trail]"), moving = one("[data-moving]"), wrap = moving.querySelector(".wrap"), frame = moving.querySelector(".frame");
  const previous = one("[data-previous]"), next = one("[data-next]"), play = one("[data-play]"), output = one("[data-output]");
  const still = matchMedia("(prefers-reduced-motion: reduce)");
  const TRAVEL = 2200, PAUSE = 1200;
  let current = -1, frameRequest = 0, timer = 0, playing = false;

  const place = (step, part) => {
    const [from, to] = step.dataset.wrapped.split(" ").map(Number), plain = "plain" in step.dataset;
    const point = trail.getPointAtLength(trail.getTotalLength() * part);
    moving.setAttribute("transform", `translate(${point.x},${point.y})`);
    frame.style.display = plain ? "none" : "";
    wrap.style.display = plain || (part >= from && part <= to) ? "" : "none";
  };
  const travel = (step, done) => {
    cancelAnimationFrame(frameRequest);
    // Where it does not move, it rests in the tunnel, wrapped.
    if (still.matches) { place(step, 0.5); done(); return; }
    const start = performance.now();
    const tick = (now) => {
      const part = Math.min((now - start) / TRAVEL, 1);
      place(step, part < 0 ? 0 : part);
      if (part < 1) frameRequest = requestAnimationFrame(tick); else done();
    };
    frameRequest = requestAnimationFrame(tick);
  };
  const pause = () => { playing = false; clearTimeout(timer); play.textContent = "Play"; };
  const show = (index) => {
    clearTimeout(timer);
    current = index;
    const step = steps[index];
    steps.forEach((other) => other.removeAttribute("aria-current"));
    step.setAttribute("aria-current", "step");
    all("[data-row]").forEach((row) => row.classList.toggle("deciding", row.dataset.row === step.dataset.decides));
    trail.setAttribute("points", step.dataset.points);
    moving.removeAttribute("hidden");
    previous.disabled = index === 0;
    next.disabled = index === steps.length - 1;
    output.textContent = `Step ${index + 1} of ${steps.length}`;
    travel(step, () => {
      if (!playing) return;
      if (index + 1 < steps.length) timer = setTimeout(() => show(index + 1), PAUSE); else pause();
    });
  };
  walk.classList.add("stepping");
  one("[data-controls]").hidden = false;
  steps.forEach((step, index) => {
    const title = step.querySelector("[data-title]"), button = document.createElement("button");
    button.type = "button";
    button.append(...title.childNodes);
    title.append(button);
    step.addEventListener("click", (event) => { if (!event.target.closest("a") && index !== current) { pause(); show(index); } });
  });
  const move = (by) => {
    const index = current + by;
    if (index < 0 || index >= steps.length) return;
    pause();
    show(index);
    steps[index].scrollIntoView({block: "nearest"});
  };
  previous.addEventListener("click", () => move(-1));
  next.addEventListener("click", () => move(1));
  play.addEventListener("click", () => {
    if (playing) { pause(); return; }
    playing = true;
    play.textContent = "Pause";
    show(current === steps.length - 1 ? 0 : current);
  });
  // Up and down scroll the page, except in the walk.
  addEventListener("keydown", (event) => {
    const sideways = {ArrowLeft: -1, ArrowRight: 1}[event.key];
    const by = sideways || (walk.contains(event.target) && {ArrowUp: -1, ArrowDown: 1}[event.key]);
    if (event.target.closest && event.target.closest(".scroll, pre")) return;
    if (by && !event.altKey && !event.ctrlKey && !event.metaKey) { event.preventDefault(); move(by); }
  });
  show(0);
})();
