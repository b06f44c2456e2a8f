// The engines: hls.js for HLS, Shaka for DASH and for encrypted titles that need it, the browser's own HLS where there
// is no Media Source. Each answers the same few calls.

import { throughput, keepThroughput } from "./memory.js";

const SAVER_LINES = 480;
const retries = (most) => ({ maxNumRetry: most, retryDelayMs: 500, maxRetryDelayMs: 2000 });
const policy = (firstByte, load, most) => ({
  default: { maxTimeToFirstByteMs: firstByte, maxLoadTimeMs: load, timeoutRetry: retries(most), errorRetry: retries(most) },
});

/** Which engine plays a session. */
export function engineFor({ encrypted, dash, wanted = "" }) {
  if (wanted === "shaka" && dash) return "shaka";
  if (encrypted && dash && window.MediaSource) return "shaka";
  if (window.Hls?.isSupported()) return "hls";
  return document.createElement("video").canPlayType("application/vnd.apple.mpegurl") ? "native" : "";
}

/**
 * Open a stream on a video element from `from` seconds. `on` has `failed({media, status, message, url})`,
 * `fetched(url, ok)`, `levels()` when qualities or tracks are known, and `switched({height, bitrate})`.
 */
export async function openStream(engine, video, options) {
  if (engine === "hls") return openHls(video, options);
  if (engine === "shaka") return openShaka(video, options);
  return openNative(video, options);
}

/** Levels that share a height differ by bitrate in their name. */
function named(levels) {
  const heights = levels.map((level) => level.height);
  const twice = new Set(heights.filter((height, index) => heights.indexOf(height) !== index));
  return levels.map((level, index) => ({
    id: String(index), width: level.width, height: level.height, bitrate: twice.has(level.height) ? level.bitrate : undefined,
    frameRate: undefined, codec: level.codec,
  }));
}

function openHls(video, { url, from, cmcd, saver, on }) {
  const Hls = window.Hls;
  const hls = new Hls({
    startPosition: from || -1,
    capLevelToPlayerSize: true,
    backBufferLength: 60,
    maxBufferLength: 30,
    abrEwmaDefaultEstimate: throughput(),
    abrEwmaDefaultEstimateMax: 50e6,
    testBandwidth: false,
    startFragPrefetch: true,
    manifestLoadPolicy: policy(5000, 8000, 0),
    playlistLoadPolicy: policy(5000, 8000, 1),
    fragLoadPolicy: policy(8000, 30000, 2),
    keyLoadPolicy: policy(5000, 8000, 1),
    cmcd,
  });
  hls.on(Hls.Events.ERROR, (_, data) => {
    const media = data.type === Hls.ErrorTypes.MEDIA_ERROR;
    const at = data.frag?.url ?? data.url ?? data.context?.url;
    if (data.type === Hls.ErrorTypes.NETWORK_ERROR && at) on.fetched(at, false);
    if (data.fatal) on.failed({ media, status: data.response?.code ?? 0, message: data.details, url: at });
  });
  hls.on(Hls.Events.FRAG_LOADED, (_, data) => on.fetched(data.frag.url, true));
  hls.on(Hls.Events.MANIFEST_PARSED, () => on.levels());
  hls.on(Hls.Events.AUDIO_TRACKS_UPDATED, () => on.levels());
  hls.on(Hls.Events.LEVEL_SWITCHED, (_, { level }) => on.switched(hls.levels[level] ?? {}));
  const cap = (yes) => {
    const allowed = hls.levels.filter((level) => level.height <= SAVER_LINES).length;
    hls.config.capLevelToPlayerSize = !yes;
    hls.capLevelToPlayerSize = !yes;
    hls.autoLevelCapping = yes ? Math.max(0, allowed - 1) : -1;
  };
  if (saver) hls.once(Hls.Events.MANIFEST_PARSED, () => cap(true));
  hls.loadSource(url);
  hls.attachMedia(video);
  return {
    name: "hls.js",
    qualities: () => named(hls.levels.map(({ width, height, bitrate, videoCodec }) => ({ width, height, bitrate, codec: videoCodec }))),
    setQuality: (index) => { hls.nextLevel = index; },
    audio: () => hls.audioTracks.map((track, index) => ({ id: String(index), label: track.name, language: track.lang, kind: "main" })),
    audioAt: () => Math.max(0, hls.audioTrack),
    setAudio: (index) => { hls.audioTrack = index; },
    saveData: cap,
    recover: () => hls.recoverMediaError(),
    load: (next, at) => {
      hls.stopLoad();
      hls.config.startPosition = at || -1;
      hls.loadSource(next);
      hls.once(Hls.Events.MANIFEST_PARSED, () => hls.startLoad(at || -1));
    },
    destroy: () => {
      keepThroughput(hls.bandwidthEstimate);
      hls.destroy();
    },
  };
}

let shakaReady = null;

function loadShaka() {
  shakaReady ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = document.querySelector("meta[name=shaka]").content;
    script.onload = () => { window.shaka.polyfill.installAll(); resolve(window.shaka); };
    script.onerror = () => { shakaReady = null; reject(new Error("the player could not be loaded")); };
    document.head.append(script);
  });
  return shakaReady;
}

async function openShaka(video, { url, from, cmcd, saver, licence, on }) {
  const shaka = await loadShaka();
  const player = new shaka.Player();
  await player.attach(video);
  const servers = licence?.licenseUrl ? { [licence.keySystem]: licence.licenseUrl } : {};
  player.configure({
    abr: { defaultBandwidthEstimate: throughput(), restrictToElementSize: !saver, restrictions: saver ? { maxHeight: SAVER_LINES } : {} },
    manifest: { retryParameters: { maxAttempts: 1, timeout: 8000 } },
    streaming: { retryParameters: { maxAttempts: 3, baseDelay: 500, timeout: 30000 }, bufferingGoal: 30 },
    drm: { servers },
    cmcd: cmcd ? { enabled: true, sessionId: cmcd.sessionId, contentId: cmcd.contentId, useHeaders: false } : {},
  });
  const failed = (error) => {
    if (error.severity !== shaka.util.Error.Severity.CRITICAL) return;
    const status = error.code === shaka.util.Error.Code.BAD_HTTP_STATUS ? error.data[1] : 0;
    const licenceFailed = error.category === shaka.util.Error.Category.DRM;
    on.failed({ media: error.category === shaka.util.Error.Category.MEDIA, status, licence: licenceFailed, message: `shaka ${error.code}`, url: error.data?.[0] });
  };
  player.addEventListener("error", (event) => failed(event.detail));
  player.addEventListener("trackschanged", () => on.levels());
  player.addEventListener("adaptation", (event) => on.switched({ height: event.newTrack.height, bitrate: event.newTrack.bandwidth }));
  player.getNetworkingEngine().registerResponseFilter((type, response) => {
    if (type === shaka.net.NetworkingEngine.RequestType.SEGMENT) on.fetched(response.uri, true);
  });
  const variants = () => {
    const active = player.getVariantTracks().find((track) => track.active);
    return player.getVariantTracks().filter((track) => !active || track.audioId === active.audioId)
      .sort((one, other) => one.height - other.height);
  };
  const load = (next, at) => player.load(next, at || null).then(() => on.levels(), failed);
  load(url, from);
  return {
    name: "shaka",
    qualities: () => named(variants().map(({ width, height, bandwidth, videoCodec }) => ({ width, height, bitrate: bandwidth, codec: videoCodec }))),
    setQuality: (index) => {
      player.configure({ abr: { enabled: index < 0 } });
      if (index >= 0) player.selectVariantTrack(variants()[index], true);
    },
    audio: () => player.getAudioTracks().map((track, index) => ({ id: String(index), label: track.label ?? track.language, language: track.language, kind: "main" })),
    audioAt: () => Math.max(0, player.getAudioTracks().findIndex((track) => track.active)),
    setAudio: (index) => player.selectAudioTrack(player.getAudioTracks()[index]),
    saveData: (yes) => player.configure({ abr: { restrictToElementSize: !yes, restrictions: { maxHeight: yes ? SAVER_LINES : Infinity } } }),
    recover: () => player.retryStreaming(),
    load,
    destroy: () => {
      keepThroughput(player.getStats().estimatedBandwidth);
      return player.destroy();
    },
  };
}

function openNative(video, { url, from, on }) {
  const failed = () => on.failed({ media: false, status: 0, message: video.error?.message ?? "" });
  const load = (next, at) => {
    video.src = next;
    if (at) video.addEventListener("loadedmetadata", () => { video.currentTime = at; }, { once: true });
  };
  video.addEventListener("error", failed);
  load(url, from);
  return {
    name: "native", qualities: () => [], setQuality: () => {}, audio: () => [], audioAt: () => 0, setAudio: () => {}, saveData: () => {},
    recover: () => video.load(), load, destroy: () => video.removeEventListener("error", failed),
  };
}
