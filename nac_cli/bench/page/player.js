"use strict";
/* Several versions of one sound that play as one: a change of version keeps the position, to the sample. */
class SyncedPlayer {
  static FADE = 0.008;

  constructor(context, bytesOf) {
    this.context = context;
    this.bytesOf = bytesOf;
    this.buffers = new Map();
    this.version = null;
    this.wanted = null;
    this.source = null;
    this.offset = 0;
    this.startedAt = 0;
    this.loop = null;
    this.onstate = () => {};
  }

  get playing() { return this.source !== null; }

  get duration() { return this.version === null ? 0 : this.buffers.get(this.version).duration; }

  get position() { return this.positionAt(this.context.currentTime); }

  positionAt(time) {
    if (!this.playing) return this.offset;
    const reached = this.offset + Math.max(time - this.startedAt, 0);
    const loop = this.loop;
    if (loop && this.offset < loop.end && reached >= loop.end) {
      return loop.start + (reached - loop.start) % (loop.end - loop.start);
    }
    return Math.min(reached, this.duration);
  }

  async load(version) {
    if (!this.buffers.has(version)) {
      this.buffers.set(version, await this.context.decodeAudioData(this.bytesOf(version)));
    }
    return this.buffers.get(version);
  }

  /* The old version plays on until the new one is decoded. */
  async select(version) {
    this.wanted = version;
    await this.load(version);
    if (this.wanted !== version) return;
    const before = this.version;
    this.version = version;
    if (this.playing && before !== version) this.start(this.position);
    this.onstate();
  }

  async play() {
    await this.context.resume();
    if (this.playing || this.version === null) return;
    this.start(this.offset >= this.duration ? 0 : this.offset);
    this.onstate();
  }

  pause() {
    if (!this.playing) return;
    this.offset = this.position;
    this.stop(this.context.currentTime);
    this.onstate();
  }

  seek(position) {
    const place = Math.min(Math.max(position, 0), this.duration);
    if (this.playing) this.start(place); else this.offset = place;
    this.onstate();
  }

  setLoop(start, end) {
    const place = this.position;
    this.loop = end - start > 0.05 ? { start, end } : null;
    if (this.playing) this.start(place);
    this.onstate();
  }

  start(position) {
    const at = this.context.currentTime;
    this.stop(at);
    const source = this.context.createBufferSource();
    const gain = this.context.createGain();
    source.buffer = this.buffers.get(this.version);
    if (this.loop) {
      source.loop = true;
      source.loopStart = this.loop.start;
      source.loopEnd = this.loop.end;
      if (position >= this.loop.end) position = this.loop.start;
    }
    gain.gain.setValueAtTime(0, at);
    gain.gain.linearRampToValueAtTime(1, at + SyncedPlayer.FADE);
    source.connect(gain).connect(this.context.destination);
    source.start(at, position);
    source.onended = () => {
      if (this.source !== source) return;
      this.source = null;
      this.offset = 0;
      this.onstate();
    };
    this.source = source;
    this.gain = gain;
    this.offset = position;
    this.startedAt = at;
  }

  stop(at) {
    if (!this.source) return;
    const source = this.source;
    this.source = null;
    this.gain.gain.setValueAtTime(1, at);
    this.gain.gain.linearRampToValueAtTime(0, at + SyncedPlayer.FADE);
    source.stop(at + SyncedPlayer.FADE);
  }
}

/* The bytes of a sound that the page carries as base64 text. */
function soundBytes(id) {
  const text = atob(document.getElementById(id).textContent.trim());
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes.buffer;
}

function clock(seconds) {
  const tenths = Math.round(seconds * 10);
  return `${Math.floor(tenths / 600)}:${String(Math.floor(tenths / 10) % 60).padStart(2, "0")}.${tenths % 10}`;
}

/* Light, dark, or as the system has it; the choice stays with the page as long as it is open. */
function themeButton(button, changed) {
  const dark = () => document.documentElement.dataset.theme
    ? document.documentElement.dataset.theme === "dark"
    : matchMedia("(prefers-color-scheme: dark)").matches;
  const show = () => {
    button.textContent = dark() ? "Light theme" : "Dark theme";
    changed();
  };
  button.addEventListener("click", () => {
    document.documentElement.dataset.theme = dark() ? "light" : "dark";
    show();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", show);
  show();
}
