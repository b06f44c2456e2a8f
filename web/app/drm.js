// Encrypted titles: which DRM system this browser can unlock them with, and the sentence of a licence that was refused.

import { drmSystem, keepDrmSystem } from "./memory.js";
import { troubleOf } from "./api.js";

const KEY_SYSTEMS = {
  widevine: "com.widevine.alpha", playready: "com.microsoft.playready", fairplay: "com.apple.fps", clearkey: "org.w3.clearkey",
};
const PROBE_MS = 2000;
const capabilities = (scheme) => ({
  initDataTypes: ["cenc", "keyids", "sinf", "skd"],
  videoCapabilities: [{ contentType: 'video/mp4; codecs="avc1.42E01E"', encryptionScheme: scheme }],
  audioCapabilities: [{ contentType: 'audio/mp4; codecs="mp4a.40.2"', encryptionScheme: scheme }],
});

async function isSupported(system) {
  const limit = new Promise((_, reject) => { setTimeout(reject, PROBE_MS, new Error("no answer")); });
  try {
    const access = navigator.requestMediaKeySystemAccess(KEY_SYSTEMS[system], [capabilities("cbcs"), capabilities("cenc")]);
    return Boolean(await Promise.race([access, limit]));
  } catch {
    return false; // also where the page is not secure: such have no media keys
  }
}

let probed = null;

/** The systems of this browser, best first; asked for once. */
export function drmSystems() {
  probed ??= Promise.all(Object.keys(KEY_SYSTEMS).map(async (system) => ((await isSupported(system)) ? system : "")))
    .then((found) => found.filter(Boolean));
  return probed;
}

/**
 * Start a session with the first system of this browser that the platform has licences for. `start(system)` asks the
 * platform; it answers `none` for clear titles, whatever the system.
 */
export async function startWithDrm(start) {
  const known = await drmSystems();
  const last = drmSystem();
  const order = known.includes(last) ? [last, ...known.filter((system) => system !== last)] : known;
  let refused = null;
  for (const system of order.length ? order : ["none"]) {
    try {
      const session = await start(system);
      if (session.drmLicenseInfo?.type === system && system !== "none") keepDrmSystem(system);
      return session;
    } catch (error) {
      if (error.reason !== "drm-not-offered") throw error;
      refused = error;
    }
  }
  throw refused;
}

/** What engines need to unlock a session: its key system and the addresses of its licences; null for a clear title. */
export function licenceOf({ drmLicenseInfo: info }) {
  if (!info?.type || info.type === "none") return null;
  return { system: info.type, keySystem: KEY_SYSTEMS[info.type] ?? info.type, url: info.licenseUrl, certificateUrl: info.certificateUrl };
}

/** The trouble of a refused licence, from the status and the body of the response. */
export function licenceTrouble(status, body) {
  let problem = null;
  try {
    problem = JSON.parse(typeof body === "string" ? body : new TextDecoder().decode(body));
  } catch { /* no problem document: a proxy's page, or no answer at all */ }
  return troubleOf(status, problem);
}
