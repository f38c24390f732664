"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const context = new AudioContext();
const players = [];
let active = null;

class ClipPlayer {
  constructor(root) {
    this.root = root;
    this.player = new SyncedPlayer(context, (id) => soundBytes(id));
    this.toggle = root.querySelector("[data-do=play]");
    this.slider = root.querySelector("input[type=range]");
    this.time = root.querySelector("output");
    this.radios = [...root.querySelectorAll(".version input")];
    this.marks = { start: 0, end: null };
    this.player.onstate = () => this.show();
    root.addEventListener("pointerdown", () => this.activate());
    root.addEventListener("focusin", () => this.activate());
    this.toggle.addEventListener("click", () => this.playOrPause());
    this.slider.addEventListener("input", async () => {
      const place = this.slider.value / 1000;
      await this.ready();
      this.player.seek(place * this.player.duration);
    });
    for (const radio of this.radios) radio.addEventListener("change", () => this.choose(radio));
    for (const name of ["start", "end", "off"]) {
      root.querySelector(`[data-do=loop-${name}]`).addEventListener("click", () => this.mark(name));
    }
    for (const picture of root.querySelectorAll(".picture")) {
      picture.addEventListener("click", async (event) => {
        const box = picture.getBoundingClientRect();
        await this.ready();
        this.player.seek((event.clientX - box.left) / box.width * this.player.duration);
      });
    }
    this.show();
  }

  get chosen() { return this.radios.find((radio) => radio.checked); }

  activate() {
    if (active === this) return;
    if (active) active.root.classList.remove("active");
    active = this;
    this.root.classList.add("active");
  }

  async ready() { if (this.player.version === null) await this.player.select(this.chosen.value); }

  async playOrPause() {
    this.activate();
    if (this.player.playing) return this.player.pause();
    for (const other of players) other.player.pause();
    await this.ready();
    await this.player.play();
    this.tick();
  }

  async choose(radio) {
    radio.checked = true;
    this.showPictures(radio.dataset.rate);
    await this.player.select(radio.value);
  }

  async mark(name) {
    await this.ready();
    if (name === "off") this.marks = { start: 0, end: null };
    if (name === "start") this.marks = { start: this.player.position, end: null };
    if (name === "end") this.marks.end = this.player.position;
    this.player.setLoop(this.marks.start, this.marks.end === null ? -1 : this.marks.end);
  }

  showPictures(rate) {
    if (!rate) return;
    for (const row of this.root.querySelectorAll(".pictures")) row.hidden = row.dataset.rate !== rate;
  }

  show() {
    const { player } = this;
    this.toggle.textContent = player.playing ? "Pause" : "Play";
    const share = player.duration ? player.position / player.duration : 0;
    if (document.activeElement !== this.slider || !this.slider.matches(":active")) this.slider.value = share * 1000;
    const loop = player.loop ? `, loop ${clock(player.loop.start)} to ${clock(player.loop.end)}` : "";
    this.time.textContent = `${clock(player.position)} of ${clock(player.duration || Number(this.root.dataset.seconds))}${loop}`;
    this.slider.setAttribute("aria-valuetext", clock(player.position));
    this.root.style.setProperty("--at", share);
  }

  tick() {
    this.show();
    if (this.player.playing) requestAnimationFrame(() => this.tick());
  }

  key(event) {
    const keys = {
      " ": () => this.playOrPause(),
      ArrowLeft: () => this.player.seek(this.player.position - 1),
      ArrowRight: () => this.player.seek(this.player.position + 1),
      "[": () => this.mark("start"), "]": () => this.mark("end"), "\\": () => this.mark("off"),
    };
    const number = "0123456789".indexOf(event.key);
    const action = number >= 0 ? this.radios[number] && (() => this.choose(this.radios[number])) : keys[event.key];
    if (!action) return;
    event.preventDefault();
    action();
  }
}

function ink(name) { return getComputedStyle(document.documentElement).getPropertyValue(name).trim(); }

/* Bokeh draws on canvases, which style sheets do not reach. */
function paint(plot) {
  const [text, line] = [ink("--ink"), ink("--line")];
  plot.border_fill_color = plot.background_fill_color = null;
  plot.outline_line_color = line;
  if ("border_line_color" in plot) plot.border_line_color = null;
  for (const axis of [...plot.below, ...plot.left]) {
    axis.axis_label_text_color = axis.major_label_text_color = text;
    axis.axis_line_color = axis.major_tick_line_color = ink("--soft");
    axis.minor_tick_line_color = null;
  }
  for (const grid of plot.center) if ("grid_line_color" in grid) grid.grid_line_color = line;
}

async function drawCharts() {
  const plots = [];
  for (const item of data.charts) {
    const views = await Bokeh.embed.embed_item(item);
    plots.push([...views.roots][0].model);
  }
  const choose = document.getElementById("domain");
  const show = () => {
    for (const plot of plots) {
      for (const renderer of plot.renderers) renderer.visible = renderer.name === choose.value;
    }
    for (const text of document.querySelectorAll("[data-domain]")) text.hidden = text.dataset.domain !== choose.value;
  };
  choose.addEventListener("change", show);
  show();
  return plots;
}

const drawn = drawCharts();
themeButton(document.getElementById("theme"), () => drawn.then((plots) => plots.forEach(paint)));
for (const root of document.querySelectorAll(".player")) players.push(new ClipPlayer(root));
document.addEventListener("keydown", (event) => {
  const typing = event.target.closest("select, summary, a, button, input[type=range]");
  const arrows = event.key.startsWith("Arrow");
  if (!active || event.ctrlKey || event.metaKey || event.altKey) return;
  if (typing && (event.key === " " || arrows)) return;
  if (arrows && event.target.matches("input")) return;
  active.key(event);
});
drawn.then(() => { document.documentElement.dataset.ready = "yes"; });
