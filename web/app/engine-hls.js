// hls.js as an engine.

import { SAVER_LINES, named } from "./choices.js";
import { licenceTrouble } from "./drm.js";
import { keepThroughput, throughput } from "./memory.js";
import { withEvents } from "./reports.js";
import { trackIn, trackName } from "./tracks.js";

const retries = (most) => ({ maxNumRetry: most, retryDelayMs: 500, maxRetryDelayMs: 2000 });
const policy = (firstByte, load, most) => ({
  default: { maxTimeToFirstByteMs: firstByte, maxLoadTimeMs: load, timeoutRetry: retries(most), errorRetry: retries(most) },
});

const drmConfig = (licence) => (licence ? {
  emeEnabled: true,
  drmSystems: { [licence.keySystem]: { licenseUrl: licence.url, serverCertificateUrl: licence.certificateUrl } },
} : {});

export function openHls(video, { url, from, cmcd, saver, licence, audio = [], subtitles = [], on }) {
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
    keyLoadPolicy: policy(8000, 8000, 2),
    cmcd: cmcd ? withEvents(cmcd) : undefined,
    ...drmConfig(licence),
  });
  hls.on(Hls.Events.ERROR, (_, data) => {
    const at = data.frag?.url ?? data.url ?? data.context?.url;
    if (data.type === Hls.ErrorTypes.NETWORK_ERROR && at) on.fetched(at, false);
    if (!data.fatal) return;
    const status = data.response?.code ?? 0;
    const asked = data.details === Hls.ErrorDetails.KEY_SYSTEM_LICENSE_REQUEST_FAILED;
    on.failed({
      media: data.type === Hls.ErrorTypes.MEDIA_ERROR, status, message: data.details, url: at,
      trouble: asked ? licenceTrouble(status, data.networkDetails?.response) : null,
    });
  });
  hls.on(Hls.Events.FRAG_LOADED, (_, data) => on.fetched(data.frag.url, true));
  hls.on(Hls.Events.MANIFEST_PARSED, (_, data) => {
    // hls.js loads nothing before this returns, so that the preferred track is the first one that is loaded.
    const prefer = (languages, tracks) => {
      const track = tracks[trackIn(languages, tracks.map((one) => ({ language: one.lang })))];
      return track ? { lang: track.lang, name: track.name } : undefined;
    };
    hls.config.audioPreference = prefer(audio, data.audioTracks ?? []);
    hls.config.subtitlePreference = prefer(subtitles, data.subtitleTracks ?? []);
    hls.subtitleDisplay = Boolean(hls.config.subtitlePreference);
    on.levels();
  });
  hls.on(Hls.Events.AUDIO_TRACKS_UPDATED, () => on.levels());
  hls.on(Hls.Events.AUDIO_TRACK_SWITCHING, () => on.levels());
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
    audio: () => hls.audioTracks.map((track, index) => ({ id: String(index), label: trackName(track.name, track.lang), language: track.lang, kind: "main" })),
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
