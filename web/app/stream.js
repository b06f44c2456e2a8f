// Which engine plays a session: hls.js for HLS; Shaka for DASH, and for the DRM systems that it knows best; the browser's
// own HLS where there is no Media Source. Each engine answers the same few calls:
//   name, qualities(), setQuality(index), audio(), audioAt(), setAudio(index), saveData(yes), recover(), load(url, at), destroy()

import { openHls } from "./engine-hls.js";
import { openShaka } from "./engine-shaka.js";

const SHAKA_SYSTEMS = new Set(["widevine", "playready", "fairplay"]);

/** The engine for a session. `system`: its DRM system, "" for a clear title; `wanted`: of the address, to try one out. */
export function engineFor({ system = "", dash, wanted = "" }) {
  const hls = Boolean(window.Hls?.isSupported());
  if (wanted === "hls" && hls) return "hls";
  if (dash && window.MediaSource && (wanted === "shaka" || SHAKA_SYSTEMS.has(system) || (system && !hls))) return "shaka";
  if (system === "fairplay") return "shaka"; // HLS in Safari
  if (hls) return "hls";
  return !system && document.createElement("video").canPlayType("application/vnd.apple.mpegurl") ? "native" : "";
}

/**
 * Open a stream on a video element from `from` seconds. `licence`: see licenceOf; `audio` and `subtitles`: lists of
 * wanted languages. `on` has `failed({media, status, message, url, trouble})`, where `trouble` is a refused licence's;
 * `fetched(url, ok)`; `levels()` when qualities or tracks are known; and `switched({height, bitrate})`.
 */
export async function openStream(engine, video, options) {
  if (engine === "hls") return openHls(video, options);
  if (engine === "shaka") return openShaka(video, options);
  return openNative(video, options);
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
    recover: () => video.load(),
    load,
    destroy: () => {
      video.removeEventListener("error", failed);
      video.removeAttribute("src");
      video.load();
    },
  };
}
