// Plays one title at a time: starts a session, feeds an engine, remembers and reports the position, goes to the next
// edge when something fails, and says kindly when nothing more can be done.

import * as api from "./api.js";
import { AudioTracks, Renditions } from "./choices.js";
import { listenToKeys } from "./keys.js";
import { browserId, dataSaver, keepPosition, positions } from "./memory.js";
import { Previews } from "./previews.js";
import { fresh, isOver, nextStep, resumeAt } from "./recovery.js";
import { EdgeReport, Reporter } from "./reports.js";
import { engineFor, openStream } from "./stream.js";
import { thumbs } from "./thumbs.js";

const HEARTBEAT_S = 10;
const VIEW_SECONDS = 5;
const STUCK_MS = 15000;
const CANNOT = "This browser cannot play our films. A current Chrome, Firefox, Edge or Safari can.";

const at = (id) => document.getElementById(id);
const rounded = (seconds) => Math.round(seconds * 10) / 10;

export class Player {
  element = at("player");
  failed = false;
  #video = at("video");
  #stage = at("stage");
  #stream = null;
  #session = null;
  #title = null;
  #recovery = fresh(1);
  #edges = new EdgeReport();
  #reporter = null;
  #previews = new Previews(at("video"));
  #renditions = new Renditions();
  #audio = new AudioTracks();
  #run = 0;
  #asked = 0;
  #started = false;
  #viewed = false;
  #furthest = 0;
  #lastTime = 0;
  #stillSince = 0;
  #lastBeat = 0;
  #ticker = 0;
  #resume = 0;
  #offered = "";
  #onLeave;
  #userId;

  /** `userId()` names who watches; `onLeave()` shows the page again. */
  constructor(userId, onLeave) {
    this.#userId = userId;
    this.#onLeave = onLeave;
    Object.defineProperty(this.#video, "videoRenditions", { value: this.#renditions });
    Object.defineProperty(this.#video, "audioTracks", { value: this.#audio });
    this.#stage.prepend(this.#video); // media-chrome listens to the lists that a video has when it is put in
    at("player-back").addEventListener("click", () => this.leave());
    at("player-leave").addEventListener("click", () => this.leave());
    at("player-retry").addEventListener("click", () => this.play(this.#title));
    this.#listen();
    listenToKeys(this, this.#video, this.#stage);
    addEventListener("pagehide", () => this.#end("pagehide"));
  }

  get open() { return !this.element.hidden; }

  leave() { this.#onLeave(); }

  #listen() {
    const video = this.#video;
    const on = (name, work) => video.addEventListener(name, () => { if (this.#session) work(); });
    on("playing", () => this.#playing());
    on("waiting", () => this.#wait());
    on("timeupdate", () => this.#advance());
    on("play", () => { if (this.#started) this.#report("play"); });
    on("pause", () => { if (this.#started && !video.ended) { this.#report("pause"); this.#beat(); } });
    on("seeked", () => { if (this.#started) this.#report("seek"); });
    on("ended", () => this.#finish());
    on("error", () => { if (this.#stream?.name === "hls.js") this.#recover({ media: true, status: 0, message: video.error?.message }); });
    video.addEventListener("click", () => (video.paused ? video.play().catch(() => {}) : video.pause()));
    video.addEventListener("dblclick", () => (document.fullscreenElement ? document.exitFullscreen() : this.element.requestFullscreen?.()));
    this.#stage.addEventListener("mediaenterfullscreenrequest", (event) => {
      event.stopImmediatePropagation();
      this.element.requestFullscreen?.().catch(() => video.webkitEnterFullscreen?.());
    }, { capture: true });
  }

  async play(title, from = null) {
    this.stop();
    const run = ++this.#run;
    this.#title = title;
    this.#asked = performance.now();
    this.#started = this.#viewed = this.failed = false;
    this.#furthest = this.#lastTime = 0;
    this.#edges = new EdgeReport();
    this.element.hidden = false;
    at("site").inert = true;
    document.body.classList.add("playing");
    this.#say(title);
    at("player-error").hidden = true;
    at("player-thumbs").replaceChildren(...thumbs(title.contentId, this.#userId));
    this.#waiting(true);
    this.element.focus();
    this.#reporter = new Reporter({ sessionId: `start-${Math.random().toString(36).slice(2)}${Date.now().toString(36)}`, contentId: title.contentId });
    try {
      const session = await this.#start(title);
      if (run !== this.#run) return;
      this.#recovery = fresh(session.edges?.length ?? 1);
      await this.#open(session, from ?? this.#position(session));
    } catch (error) {
      if (run === this.#run) this.#fail(error, "start");
    }
  }

  #start(title) {
    return api.start(title.contentId, { device: api.account()?.deviceId || browserId() });
  }

  #position(session) {
    const { position = 0 } = positions()[this.#title.contentId] ?? {};
    // The platform's answer holds on every device of a profile; a guest has only this browser.
    const best = api.account() ? session.resumePosition ?? position : position || session.resumePosition;
    return resumeAt(best, session.durationSeconds);
  }

  #say(title) {
    at("player-title").textContent = title.title ?? "";
    at("player-credit").textContent = title.attribution ?? "";
  }

  async #open(session, from) {
    this.#session = session;
    this.#resume = from;
    this.#say({ title: session.title ?? this.#title.title, attribution: session.attribution ?? this.#title.attribution });
    const drm = session.drmLicenseInfo ?? {};
    const encrypted = Boolean(drm.type) && drm.type !== "none";
    const wanted = new URLSearchParams(location.search).get("player") ?? "";
    const engine = engineFor({ encrypted, dash: session.dashUrl, wanted });
    if (!engine) throw new api.Trouble(CANNOT, { retry: false });
    this.#reporter.update({ sessionId: session.sessionId, player: engine, edge: new URL(session.streamUrl).origin });
    this.#report("start", { position: from });
    const stream = await openStream(engine, this.#video, {
      url: this.#urls(engine)[0], from, saver: dataSaver(), licence: encrypted ? licenceOf(drm) : null,
      cmcd: { sessionId: session.sessionId, contentId: session.contentId ?? this.#title.contentId, useHeaders: false },
      on: {
        failed: (failure) => { if (this.#session === session) this.#recover(failure); },
        fetched: (url, ok) => this.#edges.countFetch(url, ok),
        levels: () => this.#offer(),
        switched: ({ bitrate }) => this.#report("switch", { bitrate: Math.round(bitrate ?? 0) }),
      },
    });
    if (this.#session !== session) return void stream.destroy();
    this.#stream = stream;
    this.#offer();
    this.#lastBeat = this.#stillSince = performance.now();
    clearInterval(this.#ticker);
    this.#ticker = setInterval(() => this.#tick(), 500);
    this.#previews.show(this.#title.contentId, session.streamUrl);
    this.#video.play().catch(() => this.#waiting(false)); // autoplay refused: the viewer presses play
  }

  /** The session's URL on each of its edges, in the engine's format. */
  #urls(engine) {
    const { streamUrl, dashUrl, edges, wholeUrls } = this.#session;
    // Shaka needs absolute URLs in a manifest with several pathways, and changes between them by itself.
    if (engine === "shaka") return Array(Math.max(1, edges?.length ?? 1)).fill(wholeUrls?.dash ?? dashUrl);
    return edges?.length ? edges : [streamUrl];
  }

  #offer() {
    const stream = this.#stream;
    if (!stream) return;
    const [qualities, audio] = [stream.qualities(), stream.audio()];
    // Shaka listens to a video's `audioTracks`, too: filling it again for nothing would never end.
    const offered = JSON.stringify([qualities, audio]);
    if (offered === this.#offered) return;
    this.#offered = offered;
    this.#renditions.fill(qualities, (index) => stream.setQuality(index));
    this.#audio.offer(audio, stream.audioAt(), (index) => stream.setAudio(index));
  }

  // -- time ----------------------------------------------------------------------------------------------------------

  #playing() {
    const now = performance.now();
    this.#waiting(false);
    this.#stillSince = now;
    const stalled = this.#edges.endStall(now);
    if (!this.#started) {
      this.#started = true;
      const startup = (now - this.#asked) / 1000;
      this.element.dataset.startup = startup.toFixed(3);
      this.#report("first-frame", { startup });
    } else if (stalled > 0) {
      this.#report("resume", { duration: stalled });
    }
  }

  #wait() {
    this.#waiting(true);
    if (this.#video.seeking || !this.#started) return;
    this.#edges.startStall(performance.now());
    this.#report("stall");
  }

  #advance() {
    this.#furthest = Math.max(this.#furthest, this.#video.currentTime - this.#resume);
    if (this.#viewed || this.#furthest < VIEW_SECONDS) return;
    this.#viewed = true;
    api.feedback(this.#userId(), this.#title.contentId, "VIEW").catch(() => {});
  }

  #tick() {
    const video = this.#video;
    const now = performance.now();
    const moved = video.currentTime !== this.#lastTime || video.paused || video.ended;
    this.#lastTime = video.currentTime;
    if (moved) this.#stillSince = now;
    const still = (now - this.#stillSince) / 1000;
    const { length } = video.buffered;
    const bufferedEnd = length ? video.buffered.end(length - 1) : 0;
    if (isOver({ time: video.currentTime, duration: video.duration, bufferedEnd, still })) this.#finish();
    else if (now - this.#stillSince > STUCK_MS) {
      this.#stillSince = now;
      this.#recover({ media: false, status: 0, message: "nothing arrives" });
    } else if (!video.paused && now - this.#lastBeat > 1000 * (this.#session.heartbeatInterval ?? HEARTBEAT_S)) this.#beat();
  }

  #beat() {
    const { currentTime, duration } = this.#video;
    if (!this.#session || !this.#started) return;
    this.#lastBeat = performance.now();
    const session = this.#session;
    keepPosition(this.#title.contentId, currentTime, duration);
    api.heartbeat(session.sessionId, rounded(currentTime), { at: Date.now() / 1000, ...this.#edges.read(performance.now()) })
      .catch((error) => {
        if (this.#session === session && error.reason === "session-ended") this.#fail(error, "session-ended");
      });
  }

  #finish() {
    keepPosition(this.#title.contentId, this.#video.duration, this.#video.duration);
    this.leave();
  }

  // -- failures ------------------------------------------------------------------------------------------------------

  async #recover(failure) {
    const [step, next] = nextStep(this.#recovery, failure);
    this.#recovery = next;
    const fatal = step.do === "fail";
    this.#report("error", {
      code: String(failure.status || failure.message || "unknown").slice(0, 200), message: (failure.message ?? "").slice(0, 1000), fatal,
    });
    if (failure.licence || fatal) return void this.#fail(api.troubleOf(failure.status, null), "");
    const run = this.#run;
    const session = this.#session;
    const from = this.#started ? this.#video.currentTime : this.#resume;
    this.#waiting(true);
    if (step.do === "recover") return void this.#stream.recover();
    if (step.do === "edge") {
      const url = this.#urls(this.#stream.name)[step.edge];
      this.#reporter.update({ edge: new URL(url).origin });
      await new Promise((resolve) => { setTimeout(resolve, step.wait); });
      if (run !== this.#run || session !== this.#session) return;
      this.#stream.load(url, from);
      return void this.#video.play().catch(() => {});
    }
    try {
      await this.#release();
      const session = await this.#start(this.#title);
      if (run !== this.#run) return;
      this.#closeStream();
      this.#recovery = { ...fresh(session.edges?.length ?? 1), restarted: true };
      await this.#open(session, from);
    } catch (error) {
      if (run === this.#run) this.#fail(error, "restart");
    }
  }

  #fail(error, code) {
    const trouble = error instanceof api.Trouble ? error : api.troubleOf(0, null);
    if (code) this.#report("error", { code: trouble.reason || code, message: String(error.message ?? error).slice(0, 1000), fatal: true });
    this.#reporter.flush();
    this.failed = true;
    this.#release();
    this.#closeStream();
    this.#session = null;
    this.#waiting(false);
    at("player-error-text").textContent = trouble.message;
    at("player-error").hidden = false;
    at("player-retry").hidden = !trouble.retry;
    (trouble.retry ? at("player-retry") : at("player-leave")).focus();
  }

  #report(type, fields = {}) {
    const position = this.#started ? rounded(this.#video.currentTime) : undefined;
    this.#reporter?.add(type, { position, ...fields });
  }

  #waiting(yes) { at("player-wait").hidden = !yes; }

  #closeStream() {
    clearInterval(this.#ticker);
    this.#stream?.destroy();
    this.#stream = null;
    this.#offered = "";
    this.#renditions.fill([], () => {});
    this.#audio.fill([], () => {});
    this.#video.removeAttribute("src");
    this.#video.load();
  }

  /** The last reports of a session; also while the page closes. */
  #end(why) {
    if (!this.#session) return;
    this.#report("stop", { message: why });
    this.#reporter.flush();
    this.#beat();
    this.#release();
  }

  /** Give the session's slot back: a stream that is not played must not keep another from starting. */
  #release() {
    if (!this.#session?.heartbeatInterval) return undefined; // a platform without slots
    return api.stop(this.#session.sessionId, this.#started ? rounded(this.#video.currentTime) : this.#resume).catch(() => {});
  }

  stop() {
    this.#run += 1;
    this.#end("left");
    this.#session = null;
    this.#previews.clear();
    this.#video.pause();
    this.#closeStream();
    if (document.fullscreenElement) document.exitFullscreen().catch(() => {});
    this.element.hidden = true;
    at("site").inert = false;
    document.body.classList.remove("playing");
  }
}

const KEY_SYSTEMS = {
  clearkey: "org.w3.clearkey", widevine: "com.widevine.alpha", playready: "com.microsoft.playready", fairplay: "com.apple.fps",
};
const licenceOf = (drm) => ({ ...drm, keySystem: KEY_SYSTEMS[drm.type] ?? drm.type });
