// Plays one title at a time: starts a session, feeds an engine, remembers and reports the position, goes to the next
// edge when something fails, starts again when the plan has changed, stops when the platform says so, and says kindly
// when nothing more can be done.

import * as api from "./api.js";
import { AudioTracks, Renditions } from "./choices.js";
import { licenceOf, startWithDrm } from "./drm.js";
import { watchEnd } from "./ending.js";
import { contextLine, nextEpisode } from "./episodes.js";
import { listenToKeys } from "./keys.js";
import { browserId, dataSaver, keepPosition, positions } from "./memory.js";
import { PlayerView } from "./player-view.js";
import { Previews } from "./previews.js";
import { fresh, isOver, nextStep, resumeAt, startsAgain } from "./recovery.js";
import { EdgeReport, Reporter } from "./reports.js";
import { engineFor, openStream } from "./stream.js";
import { thumbs } from "./thumbs.js";
import * as titles from "./titles.js";

const HEARTBEAT_S = 10;
const VIEW_SECONDS = 5;
const STUCK_MS = 15000;
const NEXT_S = 8;
const CANNOT = "This browser cannot play our films. A current Chrome, Firefox, Edge or Safari can.";
const LINES = { sd: "480p", hd: "1080p", uhd: "4K" };

const at = (id) => document.getElementById(id);
const rounded = (seconds) => Math.round(seconds * 10) / 10;

/** Give back the slot of a session whose start was answered after the viewer had left; its position stays as it was. */
function giveBack(session, position = session.resumePosition ?? 0) {
  // Where this fails, the platform frees the slot by itself after three heartbeats that did not come.
  if (session.heartbeatInterval) api.stop(session.sessionId, rounded(position)).catch(() => {});
}

export class Player {
  element = at("player");
  failed = false;
  #video = at("video");
  #stage = at("stage");
  #view = new PlayerView();
  #stream = null;
  #closed = null; // settles when the stream before this one has let the video go
  #session = null;
  #over = ""; // the session that has ended or is being replaced: what is still heard of it means nothing
  #title = null;
  #recovery = fresh(1);
  #restarts = 0;
  #paused = false; // what the viewer wants of a stream that is being opened again: they may press a key meanwhile
  #watching = new AbortController();
  #edges = new EdgeReport();
  #reporter = null;
  #previews = new Previews(at("video"));
  #renditions = new Renditions();
  #audio = new AudioTracks();
  #chosen = {}; // the audio and subtitles that the viewer picked while this page is open: {audio, subtitles}
  #next = null;
  #run = 0;
  #asked = 0;
  #started = false;
  #viewed = false;
  #furthest = 0;
  #lastTime = 0;
  #stillSince = 0;
  #lastBeat = 0;
  #ticker = 0;
  #countdown = 0;
  #resume = 0;
  #offered = "";
  #onLeave;
  #onNext;
  #userId;

  /** `userId()` names who watches; `onLeave()` shows the page again; `onNext(contentId)` goes on with an episode. */
  constructor(userId, onLeave, onNext) {
    this.#userId = userId;
    this.#onLeave = onLeave;
    this.#onNext = onNext;
    Object.defineProperty(this.#video, "videoRenditions", { value: this.#renditions });
    Object.defineProperty(this.#video, "audioTracks", { value: this.#audio });
    this.#stage.prepend(this.#video); // media-chrome listens to the lists that a video has when it is put in, for the first time
    at("player-back").addEventListener("click", () => this.leave());
    at("player-leave").addEventListener("click", () => this.leave());
    at("player-next-leave").addEventListener("click", () => this.leave());
    at("player-next-go").addEventListener("click", () => this.#goOn());
    at("player-skip").addEventListener("click", () => this.#goOn());
    at("player-retry").addEventListener("click", () => this.play(this.#title));
    this.#listen();
    listenToKeys(this, this.#video, this.#stage);
    addEventListener("pagehide", (event) => {
      this.#end("pagehide");
      if (!event.persisted) this.#closeStream(); // the player sends its last batch when it is destroyed
    });
  }

  get open() { return !this.element.hidden; }

  leave() { this.#onLeave(); }

  #listen() {
    const video = this.#video;
    const on = (name, work) => video.addEventListener(name, () => { if (this.#session) work(); });
    on("playing", () => this.#playing());
    on("waiting", () => this.#wait());
    on("timeupdate", () => this.#advance());
    video.addEventListener("play", () => { this.#paused = false; });
    on("play", () => { if (this.#started) this.#report("play"); });
    on("pause", () => { if (this.#started && !video.ended) { this.#report("pause"); this.#beat(); } });
    on("seeked", () => { if (this.#started) this.#report("seek"); });
    on("ended", () => this.#finish());
    on("error", () => { if (this.#stream?.name === "hls.js") this.#recover({ media: true, status: 0, message: video.error?.message }); });
    video.addEventListener("click", (event) => {
      if (event.pointerType === "touch") return; // a touch shows the controls, which have a large button
      if (video.paused) video.play().catch(() => {});
      else video.pause();
    });
    video.addEventListener("dblclick", (event) => {
      if (event.pointerType === "touch") return;
      if (document.fullscreenElement) document.exitFullscreen();
      else this.element.requestFullscreen?.();
    });
    this.#stage.addEventListener("mediaenterfullscreenrequest", (event) => {
      event.stopImmediatePropagation();
      this.element.requestFullscreen?.().catch(() => video.webkitEnterFullscreen?.());
    }, { capture: true });
    for (const name of ["addtrack", "removetrack"]) video.textTracks.addEventListener(name, () => this.#offerMenus());
    this.#stage.addEventListener("mediashowsubtitlesrequest", ({ detail }) => {
      const [track] = [detail ?? []].flat();
      this.#chosen.subtitles = track?.language ?? "";
    });
    this.#stage.addEventListener("mediadisablesubtitlesrequest", () => { this.#chosen.subtitles = ""; });
  }

  async play(title, from = null) {
    this.stop();
    const run = ++this.#run;
    this.#title = title;
    this.#asked = performance.now();
    this.#started = this.#viewed = this.failed = this.#paused = false;
    this.#furthest = this.#lastTime = this.#restarts = 0;
    this.#next = null;
    this.#edges = new EdgeReport();
    this.element.hidden = false;
    delete this.element.dataset.startup;
    at("site").inert = true;
    document.body.classList.add("playing");
    this.#view.name(title);
    at("player-thumbs").replaceChildren(...thumbs(title.contentId, this.#userId));
    this.#view.wait(true);
    this.element.focus();
    this.#reporter = new Reporter({ sessionId: `start-${Math.random().toString(36).slice(2)}${Date.now().toString(36)}`, contentId: title.contentId });
    try {
      const session = await this.#start(title);
      if (run !== this.#run) return void giveBack(session);
      this.#recovery = fresh(session.edges?.length ?? 1);
      await this.#open(session, from ?? this.#resumeOf(session));
    } catch (error) {
      if (run === this.#run) this.#fail(error, "start");
    }
  }

  #start(title) {
    const device = api.account()?.deviceId || browserId();
    return startWithDrm((drm) => api.start(title.contentId, { device, drm }));
  }

  #resumeOf(session) {
    const { position = 0 } = positions()[this.#title.contentId] ?? {};
    // The platform's answer holds on every device of a profile; a guest has only this browser.
    const best = api.account() ? session.resumePosition ?? position : position || session.resumePosition;
    return resumeAt(best, session.durationSeconds);
  }

  async #open(session, from) {
    this.#session = session;
    this.#resume = from;
    this.#view.name({ title: session.title ?? this.#title.title, attribution: session.attribution ?? this.#title.attribution });
    const licence = licenceOf(session);
    const wanted = new URLSearchParams(location.search).get("player") ?? "";
    const engine = engineFor({ system: licence?.system, dash: session.dashUrl, wanted });
    if (!engine) throw new api.Trouble(CANNOT, { retry: false });
    this.#reporter.update({ sessionId: session.sessionId, player: engine, edge: new URL(session.streamUrl).origin });
    this.#report("start", { position: from });
    this.#watch(session);
    await this.#closed;
    const { audio, subtitles } = this.#languages(session);
    const stream = await openStream(engine, this.#video, {
      url: this.#urls(engine, licence)[0], from, saver: dataSaver(), licence, audio, subtitles,
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
    this.#playAsBefore();
  }

  #playAsBefore() {
    if (this.#paused) this.#view.wait(false);
    else this.#video.play().catch(() => this.#view.wait(false)); // autoplay refused: the viewer presses play
  }

  /** The wanted languages: what the viewer picked here, what the platform made of the profile, and the profile itself. */
  #languages(session) {
    const profile = api.account() ?? {};
    const audio = [this.#chosen.audio, session.audio?.language, profile.language].filter(Boolean);
    const subtitles = this.#chosen.subtitles === undefined
      ? [session.subtitles?.language, profile.subtitles].filter(Boolean) : [this.#chosen.subtitles].filter(Boolean);
    return { audio, subtitles };
  }

  /** The session's URL on each of its edges, in the engine's format. */
  #urls(engine, licence = licenceOf(this.#session)) {
    const { streamUrl, hlsUrl, dashUrl, edges, wholeUrls } = this.#session;
    const each = edges?.length ? edges : [streamUrl];
    if (engine !== "shaka") return each;
    // Shaka needs absolute URLs in a manifest with several pathways, and changes between them by itself.
    const isHls = licence?.system === "fairplay" || !dashUrl;
    return Array(each.length).fill(isHls ? wholeUrls?.hls ?? hlsUrl ?? streamUrl : wholeUrls?.dash ?? dashUrl);
  }

  #offerMenus() {
    const subtitles = [...this.#video.textTracks].filter(({ kind }) => kind === "subtitles" || kind === "captions").length;
    this.#view.offer({ audio: this.#audio.length, subtitles });
  }

  #offer() {
    const stream = this.#stream;
    if (!stream) return;
    const [qualities, audio, playing] = [stream.qualities(), stream.audio(), stream.audioAt()];
    // Shaka listens to a video's `audioTracks`, too: filling it again for nothing would never end.
    const offered = JSON.stringify([qualities, audio, playing]);
    if (offered === this.#offered) return;
    this.#offered = offered;
    this.#renditions.fill(qualities, (index) => stream.setQuality(index));
    this.#audio.offer(audio, playing, (index) => {
      this.#chosen.audio = audio[index]?.language;
      stream.setAudio(index);
    });
    this.#offerMenus();
  }

  /** Where the film is, in seconds; while a stream is loaded in place of another, where it will go on. */
  get #position() { return this.#started && this.#video.readyState > 0 ? this.#video.currentTime : this.#resume; }

  // -- time ----------------------------------------------------------------------------------------------------------

  #playing() {
    const now = performance.now();
    this.#view.wait(false);
    this.#stillSince = now;
    const stalled = this.#edges.endStall(now);
    if (!this.#started) {
      this.#started = true;
      const startup = (now - this.#asked) / 1000;
      this.element.dataset.startup = startup.toFixed(3);
      this.#report("first-frame", { startup });
      this.#readOn();
    } else if (stalled > 0) {
      this.#report("resume", { duration: stalled });
    }
  }

  #wait() {
    this.#view.wait(true);
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

  /** Report the position. Answers the trouble of a session that has ended, else null. */
  async #beat() {
    const session = this.#session;
    if (!session || session.sessionId === this.#over) return null;
    this.#lastBeat = performance.now();
    if (this.#started) keepPosition(this.#title.contentId, this.#position, this.#video.duration);
    try {
      await api.heartbeat(session.sessionId, rounded(this.#position), { at: Date.now() / 1000, ...this.#edges.read(performance.now()) });
    } catch (error) {
      if (error.reason !== "session-ended") return null;
      if (this.#session === session) this.#ended(error);
      return error;
    }
    return null;
  }

  // -- episodes ------------------------------------------------------------------------------------------------------

  /** Find the episode that comes next, and where this one stands; after the start, which they must not delay. */
  async #readOn() {
    const run = this.#run;
    const title = await titles.full(this.#title.contentId).catch(() => this.#title);
    const [next, line] = await Promise.all([nextEpisode(title), contextLine(title)]).catch(() => [null, ""]);
    if (run !== this.#run) return;
    if (line) this.#view.name({ ...title, line });
    const following = next && { title: next, line: await contextLine(next).catch(() => "") };
    if (run !== this.#run) return;
    this.#next = following;
    at("player-skip").hidden = !following;
  }

  #finish() {
    clearInterval(this.#ticker); // which would find the film over once more before the page has left it
    this.#report("complete");
    keepPosition(this.#title.contentId, this.#video.duration, this.#video.duration);
    if (!this.#next) return void this.leave();
    this.#end("ended");
    this.#closeStream();
    this.#session = null;
    let left = NEXT_S;
    this.#view.offerNext(this.#next.title, this.#next.line, left);
    this.#countdown = setInterval(() => {
      left -= 1;
      if (left > 0) this.#view.offerNext(this.#next.title, this.#next.line, left);
      else this.#goOn();
    }, 1000);
  }

  #goOn() {
    clearInterval(this.#countdown);
    if (this.#next) this.#onNext(this.#next.title.contentId);
  }

  // -- endings -------------------------------------------------------------------------------------------------------

  #watch(session) {
    this.#watching.abort();
    this.#watching = new AbortController();
    watchEnd(session.sessionId, (trouble) => { if (this.#session === session) this.#ended(trouble); }, this.#watching.signal);
  }

  /** The platform has ended the session: start again where that is meant, else stop and say why. */
  #ended(trouble) {
    const { sessionId, tier } = this.#session;
    if (sessionId === this.#over) return;
    this.#over = sessionId; // heartbeats and the wait for the end may all tell it
    const { ended } = trouble.problem ?? {};
    if (!startsAgain(ended, this.#restarts)) return void this.#fail(trouble, "session-ended");
    this.#restarts += 1;
    this.#report("error", { code: "session-ended", message: ended, fatal: false });
    const run = this.#run;
    this.#restart().then(() => {
      const now = run === this.#run ? this.#session?.tier : null;
      if (ended === "plan" && now && now !== tier) this.#view.notify(`Your plan has changed: you are watching in up to ${LINES[now] ?? now} now.`);
    });
  }

  // -- failures ------------------------------------------------------------------------------------------------------

  async #recover(failure) {
    if (this.#session?.sessionId === this.#over) return;
    const [step, next] = nextStep(this.#recovery, { ...failure, licence: Boolean(failure.trouble) });
    this.#recovery = next;
    const fatal = step.do === "fail";
    this.#report("error", {
      code: String(failure.trouble?.reason || failure.status || failure.message || "unknown").slice(0, 200), message: (failure.message ?? "").slice(0, 1000), fatal,
    });
    if (fatal) return void this.#fail(failure.trouble ?? api.troubleOf(failure.status, null), "");
    const run = this.#run;
    const session = this.#session;
    this.#view.wait(true);
    if (step.do === "recover") return void this.#stream?.recover();
    if (step.do === "ask") {
      const ended = await this.#beat();
      if (!ended && run === this.#run && session === this.#session) await this.#recover(failure);
      return;
    }
    if (step.do === "restart") return void (await this.#restart());
    const from = this.#position;
    const url = this.#urls(this.#stream?.name)[step.edge];
    this.#reporter.update({ edge: new URL(url).origin });
    await new Promise((resolve) => { setTimeout(resolve, step.wait); });
    if (run !== this.#run || session !== this.#session) return;
    this.#paused = this.#started && this.#video.paused; // before the load, which pauses
    this.#stream?.load(url, from);
    this.#playAsBefore();
  }

  /** A new session in place of this one, from the same second. */
  async #restart() {
    const run = this.#run;
    const from = this.#position;
    this.#over = this.#session.sessionId;
    this.#view.wait(true);
    try {
      await this.#release();
      const session = await this.#start(this.#title);
      if (run !== this.#run) return void giveBack(session, from);
      this.#paused = this.#started && this.#video.paused; // not before: the viewer may have pressed a key since
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
    if (trouble.reason !== "session-ended") this.#release();
    this.#watching.abort();
    this.#video.pause();
    this.#closeStream();
    this.#session = null;
    this.#view.wait(false);
    this.#view.notify("");
    this.#view.fail(trouble);
    if (trouble.reason === "too-many-streams") this.#offerToStop(trouble, this.#run);
  }

  /** Let the viewer end one of the streams that are in use, and play here instead. */
  async #offerToStop(trouble, run) {
    const streams = (trouble.problem?.devices ?? []).filter((one) => one.sessionId);
    const known = await titles.all(streams.map((one) => one.contentId).filter(Boolean));
    if (run !== this.#run) return;
    this.#view.fail(trouble, streams.map((one) => ({
      name: one.name ?? one.device ?? "the other one",
      title: known.find((title) => title.contentId === one.contentId)?.title,
      stop: () => api.endSession(one.sessionId).catch(() => {}).then(() => { if (run === this.#run) this.play(this.#title); }),
    })));
  }

  #report(type, fields = {}) {
    const position = this.#started ? rounded(this.#position) : undefined;
    this.#reporter?.add(type, { position, ...fields });
  }

  #closeStream() {
    clearInterval(this.#ticker);
    this.#closed = Promise.all([this.#closed, this.#stream?.destroy()]).catch(() => {});
    this.#stream = null;
    this.#offered = "";
    this.#renditions.fill([], () => {});
    this.#audio.fill([], () => {});
  }

  /** The last reports of a session; also while the page closes. */
  #end(why) {
    if (!this.#session) return;
    this.#report("stop", { message: why });
    this.#reporter.flush();
    if (this.#started) keepPosition(this.#title.contentId, this.#position, this.#video.duration);
    if (this.#session.heartbeatInterval) this.#release();
    else this.#beat();
  }

  /** Give the session's slot back: a stream that is not played must not keep another from starting. */
  #release() {
    if (!this.#session?.heartbeatInterval) return undefined; // a platform without slots
    return api.stop(this.#session.sessionId, rounded(this.#position)).catch(() => {});
  }

  stop() {
    this.#run += 1;
    clearInterval(this.#countdown);
    this.#end("left");
    this.#watching.abort();
    this.#session = null;
    this.#view.hideFailure();
    this.#view.hideNext();
    this.#view.notify("");
    at("player-skip").hidden = true;
    this.#previews.clear();
    this.#video.pause();
    this.#closeStream();
    if (document.fullscreenElement) document.exitFullscreen().catch(() => {});
    this.element.hidden = true;
    at("site").inert = false;
    document.body.classList.remove("playing");
  }
}
