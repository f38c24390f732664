"use strict";
const test = JSON.parse(document.getElementById("data").textContent);
const byId = (id) => document.getElementById(id);
const context = new AudioContext();
const answers = test.trials.map((trial) => trial.kind === "mushra"
  ? { ratings: trial.sounds.map(() => null), started: null, seconds: 0 } : { choice: null, started: null, seconds: 0 });
let index = -1;
let player = null;
let marks = { start: 0, end: -1 };
let begun = null;

function trial() { return test.trials[index]; }

/* What can be heard in a trial: key, label and the id of the sound. */
function choices() {
  if (trial().kind === "mushra") {
    const others = trial().sounds.map((sound, i) => ({ key: String(i + 1), label: `Sound ${i + 1}`, sound }));
    return [{ key: "0", label: "Reference", sound: trial().reference }, ...others];
  }
  return [["a", "A"], ["b", "B"], ["x", "X"]].map(([key, label]) => ({ key, label, sound: trial()[key] }));
}

function element(tag, properties, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

function rate(i, value) {
  const rating = Math.min(Math.max(Math.round(value), 0), 100);
  answers[index].ratings[i] = rating;
  byId(`rating-${i}`).value = rating;
  byId(`said-${i}`).textContent = `${rating} of 100`;
}

function ratingRow(button, i) {
  const given = answers[index].ratings[i];
  const slider = element("input", { type: "range", id: `rating-${i}`, min: 0, max: 100, step: 1, value: given ?? 50 });
  slider.setAttribute("aria-label", `Rating of sound ${i + 1}`);
  slider.addEventListener("input", () => rate(i, slider.value));
  const said = element("output", { id: `said-${i}`, textContent: given === null ? "not rated" : `${given} of 100` });
  return element("div", { className: "stimulus" }, button, slider, said);
}

function abxRow(key, label) {
  const radio = element("input", { type: "radio", name: "abx", value: key, checked: answers[index].choice === key });
  radio.addEventListener("change", () => { answers[index].choice = key; });
  return element("label", {}, radio, ` X is ${label}`);
}

async function listen(key) {
  const found = choices().find((choice) => choice.key === key);
  if (!found) return;
  for (const button of byId("stimuli").querySelectorAll("button")) {
    button.setAttribute("aria-pressed", String(button.dataset.key === key));
  }
  await player.select(found.sound);
  await player.play();
  tick();
}

function show(number) {
  if (player) player.pause();
  leave();
  index = number;
  const ended = index === test.trials.length;
  byId("trial").hidden = ended;
  byId("done").hidden = !ended;
  if (ended) return byId("thanks").focus();
  answers[index].started = performance.now();
  player = new SyncedPlayer(context, soundBytes);
  player.onstate = paint;
  marks = { start: 0, end: -1 };
  const mushra = trial().kind === "mushra";
  byId("title").textContent = `${index + 1} of ${test.trials.length}`;
  byId("question").textContent = mushra ? "How near does each sound come to the reference?" : "Is X the same as A or as B?";
  byId("scale").hidden = !mushra;
  byId("stimuli").replaceChildren(...choices().map((choice, i) => {
    const button = element("button", { type: "button", textContent: choice.label });
    button.dataset.key = choice.key;
    button.setAttribute("aria-pressed", "false");
    button.addEventListener("click", () => listen(choice.key));
    return mushra && i > 0 ? ratingRow(button, i - 1) : element("div", { className: "stimulus" }, button);
  }));
  if (!mushra) byId("stimuli").append(element("div", { className: "stimulus" }, abxRow("a", "A"), abxRow("b", "B")));
  byId("back").disabled = index === 0;
  byId("message").textContent = "";
  paint();
  byId("title").focus();
}

function leave() {
  const answer = answers[index];
  if (answer && answer.started !== null) answer.seconds += (performance.now() - answer.started) / 1000;
}

function complete() {
  return trial().kind === "mushra" ? answers[index].ratings.every((rating) => rating !== null) : answers[index].choice !== null;
}

function next() {
  if (complete()) return show(index + 1);
  byId("message").textContent = trial().kind === "mushra" ? "Every sound needs a rating." : "Choose A or B.";
}

function paint() {
  byId("play").textContent = player.playing ? "Pause" : "Play";
  const loop = player.loop ? `, loop ${clock(player.loop.start)} to ${clock(player.loop.end)}` : "";
  byId("time").textContent = `${clock(player.position)} of ${clock(player.duration)}${loop}`;
  byId("position").value = player.duration ? player.position / player.duration * 1000 : 0;
}

function tick() {
  paint();
  if (player.playing) requestAnimationFrame(tick);
}

async function playOrPause() {
  if (player.version === null) return listen(choices()[0].key);
  if (player.playing) return player.pause();
  await player.play();
  tick();
}

function mark(name) {
  if (name === "start") marks = { start: player.position, end: -1 };
  if (name === "end") marks.end = player.position;
  if (name === "off") marks = { start: 0, end: -1 };
  player.setLoop(marks.start, marks.end);
}

/* What each answer was about is revealed only here. */
function results() {
  const key = JSON.parse(new TextDecoder().decode(Uint8Array.from(atob(test.key), (c) => c.charCodeAt(0))));
  const listener = byId("listener").value.trim() || "anonymous";
  const rows = test.trials.flatMap((trial, i) => {
    const about = { trial: i + 1, kind: trial.kind, clip: key[i].clip, seconds: Math.round(answers[i].seconds * 10) / 10 };
    if (trial.kind === "abx") {
      return [{ ...about, codec: key[i].codec, target: key[i].target, correct: answers[i].choice === key[i].answer }];
    }
    return answers[i].ratings.map((rating, j) => ({ ...about, ...key[i].sounds[j], rating }));
  });
  return { format: test.format, test: test.id, seed: test.seed, listener, begun, answers: rows };
}

function csv({ test: id, listener, answers: rows }) {
  const columns = ["kind", "trial", "clip", "codec", "target", "rating", "correct", "seconds"];
  const quoted = (value) => `"${String(value ?? "").replaceAll('"', '""')}"`;
  const lines = rows.map((row) => [id, listener, ...columns.map((column) => row[column])].map(quoted).join(","));
  return [["test", "listener", ...columns].join(","), ...lines].join("\r\n") + "\r\n";
}

function download(suffix, type, text) {
  const url = URL.createObjectURL(new Blob([text], { type }));
  const name = (byId("listener").value.trim() || "anonymous").replace(/[^\w-]+/g, "_");
  element("a", { href: url, download: `listening-${name}.${suffix}` }).click();
  setTimeout(() => URL.revokeObjectURL(url), 1000);
}

byId("begin").addEventListener("click", () => {
  begun = new Date().toISOString();
  byId("welcome").hidden = true;
  show(0);
});
byId("play").addEventListener("click", playOrPause);
byId("next").addEventListener("click", next);
byId("back").addEventListener("click", () => index > 0 && show(index - 1));
for (const name of ["start", "end", "off"]) byId(`loop-${name}`).addEventListener("click", () => mark(name));
byId("position").addEventListener("input", (event) => player.seek(event.target.value / 1000 * player.duration));
byId("json").addEventListener("click", () => download("json", "application/json", JSON.stringify(results(), null, 1)));
byId("csv").addEventListener("click", () => download("csv", "text/csv", csv(results())));
themeButton(byId("theme"), () => {});

document.addEventListener("keydown", (event) => {
  if (index < 0 || index >= test.trials.length || event.ctrlKey || event.metaKey || event.altKey) return;
  const [onButton, onSlider] = [event.target.matches("button"), event.target.matches("input[type=range]")];
  const current = trial().kind === "mushra" ? trial().sounds.indexOf(player.version) : -1;
  const step = event.shiftKey ? 10 : 1;
  const nudge = (by) => current >= 0 && rate(current, (answers[index].ratings[current] ?? 50) + by);
  const keys = {
    " ": playOrPause, "[": () => mark("start"), "]": () => mark("end"), "\\": () => mark("off"),
    ArrowUp: () => nudge(step), ArrowDown: () => nudge(-step), Enter: next,
  };
  const chosen = choices().some((choice) => choice.key === event.key);
  if (!chosen && !keys[event.key]) return;
  if ((onButton && [" ", "Enter"].includes(event.key)) || (onSlider && event.key.startsWith("Arrow"))) return;
  if (event.target.matches("input[type=radio]") && event.key.startsWith("Arrow")) return;
  event.preventDefault();
  if (chosen) listen(event.key); else keys[event.key]();
});
document.documentElement.dataset.ready = "yes";
