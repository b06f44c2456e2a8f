// Shaka Player as an engine; its file is fetched when the first session needs it.

import { SAVER_LINES, named } from "./choices.js";
import { licenceTrouble } from "./drm.js";
import { keepThroughput, throughput } from "./memory.js";
import { trackIn, trackName } from "./tracks.js";

let ready = null;

function loadShaka() {
  ready ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = document.querySelector("meta[name=shaka]").content;
    script.onload = () => { window.shaka.polyfill.installAll(); resolve(window.shaka); };
    script.onerror = () => { ready = null; reject(new Error("the player could not be loaded")); };
    document.head.append(script);
  });
  return ready;
}

function drmConfig(licence) {
  const retryParameters = { maxAttempts: 3, baseDelay: 500, timeout: 8000 };
  if (!licence) return { retryParameters };
  const advanced = licence.certificateUrl ? { [licence.keySystem]: { serverCertificateUri: licence.certificateUrl } } : {};
  return { servers: { [licence.keySystem]: licence.url }, advanced, retryParameters };
}

/** What a Shaka error was: {media, status, message, url, trouble}. */
function failureOf(shaka, error) {
  const { Code, Category } = shaka.util.Error;
  // A refused licence wraps the error of its request: [address, status, body, …].
  const cause = error.code === Code.LICENSE_REQUEST_FAILED || error.code === Code.SERVER_CERTIFICATE_REQUEST_FAILED ? error.data?.[0] : error;
  const status = cause?.code === Code.BAD_HTTP_STATUS ? cause.data[1] : 0;
  const asked = error.category === Category.DRM;
  return {
    media: error.category === Category.MEDIA, status, message: `shaka ${error.code}`, url: cause?.data?.[0],
    trouble: asked ? licenceTrouble(status, status ? cause.data[2] ?? "" : "") : null,
  };
}

export async function openShaka(video, { url, from, cmcd, saver, licence, audio = [], subtitles = [], on }) {
  const shaka = await loadShaka();
  const player = new shaka.Player();
  await player.attach(video);
  player.configure({
    abr: { defaultBandwidthEstimate: throughput(), restrictToElementSize: !saver, restrictions: saver ? { maxHeight: SAVER_LINES } : {} },
    manifest: { retryParameters: { maxAttempts: 1, timeout: 8000 } },
    streaming: { retryParameters: { maxAttempts: 3, baseDelay: 500, timeout: 30000 }, bufferingGoal: 30 },
    preferredAudio: audio.filter(Boolean).map((language) => ({ language })),
    drm: drmConfig(licence),
    cmcd: cmcd ? { enabled: true, sessionId: cmcd.sessionId, contentId: cmcd.contentId, useHeaders: false } : {},
  });
  let destroyed = false;
  const failed = (error) => {
    if (!destroyed && error.severity === shaka.util.Error.Severity.CRITICAL) on.failed(failureOf(shaka, error));
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
  const showSubtitles = () => {
    const tracks = player.getTextTracks();
    const at = trackIn(subtitles, tracks);
    if (at >= 0) player.selectTextTrack(tracks[at]);
  };
  const load = (next, at) => player.load(next, at || null).then(() => { showSubtitles(); on.levels(); }).catch(failed);
  load(url, from);
  return {
    name: "shaka",
    qualities: () => named(variants().map(({ width, height, bandwidth, videoCodec }) => ({ width, height, bitrate: bandwidth, codec: videoCodec }))),
    setQuality: (index) => {
      player.configure({ abr: { enabled: index < 0 } });
      if (index >= 0) player.selectVariantTrack(variants()[index], true);
    },
    audio: () => player.getAudioTracks().map((track, index) => ({ id: String(index), label: trackName(track.label, track.language), language: track.language, kind: "main" })),
    audioAt: () => Math.max(0, player.getAudioTracks().findIndex((track) => track.active)),
    setAudio: (index) => player.selectAudioTrack(player.getAudioTracks()[index]),
    saveData: (yes) => player.configure({ abr: { restrictToElementSize: !yes, restrictions: { maxHeight: yes ? SAVER_LINES : Infinity } } }),
    recover: () => player.retryStreaming(),
    load,
    destroy: () => {
      destroyed = true;
      keepThroughput(player.getStats().estimatedBandwidth);
      return player.destroy();
    },
  };
}
