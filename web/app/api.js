// The platform's calls as the page makes them. A refusal becomes a Trouble, with a sentence fit for the viewer.

const TIMEOUT_MS = 15000;
const REFRESH_EARLY_MS = 30000;
const END_WAIT_S = 25;

export class Trouble extends Error {
  constructor(message, { status = 0, reason = "", retry = true, problem = null } = {}) {
    super(message);
    this.status = status;
    this.reason = reason;
    this.retry = retry;
    this.problem = problem;
  }
}

export const SORRY = "We're having trouble playing this right now. Please try again in a moment.";
const BUSY = "Something did not work on our side. Please try again in a moment.";

const SENTENCES = {
  "country": "This title is not available in your country.",
  "not-in-your-country": "This title is not available in your country.",
  "country-unknown": "This title is only available in some countries, and we cannot tell where you are.",
  "not-published": "This title is not ready to play yet. Please come back soon.",
  "not-released": "This title has not been released yet. Please come back soon.",
  "gone": "This title is no longer available.",
  "title-unknown": "We cannot find this title any more.",
  "plan": "Your plan does not include this title.",
  "maturity": "This title is not for the age of this profile.",
  "log-in": "Please log in to watch this title.",
  "too-many-streams": "Your plan's streams are all in use.",
  "format-unavailable": "This browser cannot play this title.",
  "drm-needed": "This title is protected. A current browser plays it, over a secure connection (https).",
  "drm-not-offered": "This title is protected in a way that this browser cannot unlock.",
  "licence-refused": "This title cannot be unlocked on this device.",
  "session-unknown": "This title could not be unlocked. Please start it again.",
  "key-unknown": "This title could not be unlocked. Please start it again.",
};
/** The sentences of the platform itself say more than ours: from when, for what age, which plan. */
const OWN_WORDS = new Set(["not-released", "plan", "maturity"]);
const CAN_HELP = new Set(["too-many-streams", "session-ended", "session-unknown", "key-unknown"]);
const ENDED = {
  stopped: "This film was stopped. Start it again to go on watching.",
  replaced: "This film was started again in another window on this device.",
  lost: "We did not hear from this device for a while, and another one plays now.",
  plan: "Your plan has changed. Start the film again to go on watching.",
  profile: "This profile has changed. Start the film again to go on watching.",
  account: "This account cannot play any more.",
  revoked: "Playback here was ended from your account. Start it again to go on watching here.",
};

/** The trouble of a session that the platform ended; `ended` is its reason. */
export function endedTrouble(ended, problem = null) {
  return new Trouble(ENDED[ended] ?? ENDED.stopped, {
    status: 409, reason: "session-ended", retry: ended !== "account", problem: { ...problem, ended },
  });
}

const nameOf = (stream) => stream.name ?? stream.device ?? stream;

/** The sentence for a refusal, and whether another try may help. */
export function troubleOf(status, problem, fallback = SORRY) {
  const reason = problem?.reason ?? problem?.type?.split(/[/:#]/).pop() ?? "";
  if (reason === "session-ended") return endedTrouble(problem.ended ?? "revoked", problem);
  let sentence = SENTENCES[reason] ?? (status === 451 ? SENTENCES.country : "");
  if (OWN_WORDS.has(reason) && problem.detail) sentence = problem.detail;
  if (reason === "too-many-streams" && problem.devices?.length) {
    const names = problem.devices.map(nameOf).filter(Boolean);
    sentence = `Your plan's streams are all in use: ${names.join(", ")}. Stop one of them, then try again.`;
  }
  return new Trouble(sentence || fallback, { status, reason, retry: !sentence || CAN_HELP.has(reason), problem });
}

// -- who watches -----------------------------------------------------------------------------------------------------
// The tokens are in cookies that scripts cannot read. The page remembers only that there is a log-in, until when its
// access cookie lasts, and which profile watches.

const ACCOUNT_KEY = "matinee.account";

export function account() {
  try {
    return JSON.parse(localStorage.getItem(ACCOUNT_KEY));
  } catch {
    return null;
  }
}

/** Remember changes of who watches; null: nobody does any more. */
export function remember(changes) {
  if (changes === null) localStorage.removeItem(ACCOUNT_KEY);
  else localStorage.setItem(ACCOUNT_KEY, JSON.stringify({ ...account(), ...changes }));
  dispatchEvent(new Event("matinee-account"));
}

const loggedIn = (tokens) => {
  const { accountId, profileId, deviceId, expiresIn = 600 } = tokens;
  const same = account()?.accountId === accountId;
  if (!same) localStorage.removeItem(ACCOUNT_KEY); // the profile of somebody else
  remember({ accountId, deviceId, profileId: same ? account().profileId : profileId, until: Date.now() + expiresIn * 1000 });
  return tokens;
};

const isFresh = () => !account() || account().until > Date.now() + REFRESH_EARLY_MS;

/** Keep the log-in fresh. A refresh token works once, so tabs and calls take turns, and all but the first find it done. */
async function keepFresh() {
  if (isFresh()) return;
  const take = navigator.locks ? (work) => navigator.locks.request("matinee-refresh", work) : (work) => inTurn(work);
  await take(async () => {
    if (isFresh()) return;
    try {
      const tokens = await send("/auth/refresh", json("POST", {}));
      if (account()) loggedIn(tokens); // they may have logged out meanwhile
    } catch (error) {
      if (error.status !== 401 && error.status !== 403) throw error;
      remember(null);
    }
  });
}

let turn = Promise.resolve();
const inTurn = (work) => (turn = turn.then(work, work)); // where a page has no locks: without TLS

// -- calls -----------------------------------------------------------------------------------------------------------

async function send(path, { signal, timeout = TIMEOUT_MS, ...options } = {}) {
  const limit = AbortSignal.timeout(timeout);
  let response;
  try {
    response = await fetch(path, {
      ...options, credentials: "same-origin", signal: signal ? AbortSignal.any([signal, limit]) : limit,
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Trouble(path.startsWith("/playback") ? SORRY : BUSY);
  }
  const body = await response.json().catch(() => null);
  if (!response.ok) throw troubleOf(response.status, body, path.startsWith("/playback") ? SORRY : BUSY);
  return body;
}

function sendAs(path, options) {
  const profile = account()?.profileId;
  return send(path, { ...options, headers: { ...options.headers, ...(profile ? { "X-Profile": profile } : {}) } });
}

async function ask(path, options = {}) {
  await keepFresh();
  try {
    return await sendAs(path, options);
  } catch (error) {
    if (error.status !== 401 || !account()) throw error;
    // The log-in was ended from elsewhere: either it can be renewed, or this browser is a guest's from now on.
    remember({ until: 0 });
    await keepFresh();
    return sendAs(path, options);
  }
}

const json = (method, body) => ({
  method, headers: { "Content-Type": "application/json" }, body: JSON.stringify(body), keepalive: true,
});
const post = (path, body) => ask(path, json("POST", body));
const query = (values) => new URLSearchParams(
  Object.entries(values).filter(([, value]) => value !== undefined && value !== "" && value !== null && value !== false));
const id = encodeURIComponent;

export const viewer = () => ask("/viewer");
export const titles = (limit, cursor) => ask(`/titles?${query({ limit, cursor })}`);
export const named = (ids) => (ids.length ? ask(`/titles?${query({ ids: ids.join(",") })}`) : Promise.resolve({ titles: [] }));
export const children = (parent) => ask(`/titles?${query({ parent })}`);
export const title = (contentId) => ask(`/titles/${id(contentId)}`);
export const recommendations = (userId, limit) => ask(`/recommendations?${query({ userId, limit })}`);
/** Rows of the first page, each with its reason; null where the platform has none. */
export const rows = (userId) => offered("rows", () => ask(`/recommendations/rows?${query({ userId })}`), null);
export const start = (contentId, options) => ask(`/playback/start?${query({ contentId, bitrate: "auto", ...options })}`);
export const previews = (contentId) => ask(`/previews/${id(contentId)}`);
export const heartbeat = (sessionId, currentPosition, more = {}) =>
  post("/playback/heartbeat", { sessionId, currentPosition, ...more });
export const stop = (sessionId, currentPosition) => post("/playback/stop", { sessionId, currentPosition });
/** Wait, for some seconds at most, until a session has ended: {ended: its reason or null}. */
export const sessionEnd = (sessionId, signal) =>
  ask(`/playback/sessions/${id(sessionId)}/end?${query({ wait: END_WAIT_S })}`, { signal, timeout: 1000 * END_WAIT_S + TIMEOUT_MS });
export const endSession = (sessionId) => ask(`/playback/sessions/${id(sessionId)}`, { method: "DELETE" });
export const feedback = (userId, contentId, action) => post("/recommendations/feedback", { userId, contentId, action });
export const report = (events) => send("/events", json("POST", events));
export const continued = () => ask("/me/continue");

/** A page of search: `{items, total, nextCursor, facets}`; total null where the service does not count. */
export async function search(wanted, signal) {
  const { playable, ...rest } = wanted;
  const found = await ask(`/search?${query({ limit: 48, facets: "genre", playable: playable ? 1 : "", ...rest })}`, { signal });
  if (!Array.isArray(found)) return found;
  return { items: found, total: found.length < 48 ? found.length : null, nextCursor: null, facets: {} };
}

const missing = new Set();

/** What an optional call answers; `otherwise` where the platform does not have it, which is found out once, or fails. */
async function offered(name, call, otherwise) {
  if (missing.has(name)) return otherwise;
  try {
    return await call();
  } catch (error) {
    if (error.name === "AbortError") throw error;
    if ([400, 404, 405].includes(error.status)) missing.add(name);
    return otherwise;
  }
}

/** How many titles there are in all, and their genres: {total, facets}; null where search counts only what matches words. */
export const counted = (playable) => offered("counted", async () => {
  const found = await search({ limit: 1, playable });
  return typeof found.total === "number" && found.nextCursor !== undefined && found.facets?.genre ? found : null;
}, null);
/** [{text, kind, contentId}] that begin with what was typed. */
export const suggest = (prefix, signal) => offered("suggest", () => ask(`/search/suggest?${query({ prefix, limit: 8 })}`, { signal }), []);
/** What is watched now, for those who have not typed yet: as search's results. */
export const trending = () => offered("trending", () => ask(`/search/trending?${query({ limit: 24 })}`), []);
/** Tell search which result was chosen. */
export const chosen = (text, contentId) => offered("chosen", () => post("/search/feedback", { query: text, contentId }), null);

// -- accounts --------------------------------------------------------------------------------------------------------

/** "Firefox on Linux": what the list of devices shows. */
export function deviceName(agent = navigator.userAgent) {
  const browser = [["Edg/", "Edge"], ["OPR/", "Opera"], ["Firefox/", "Firefox"], ["Chrome/", "Chrome"], ["Safari/", "Safari"]]
    .find(([mark]) => agent.includes(mark))?.[1] ?? "Browser";
  const system = [["iPhone", "iPhone"], ["iPad", "iPad"], ["Android", "Android"], ["Windows", "Windows"], ["Mac OS", "Mac"], ["CrOS", "ChromeOS"], ["Linux", "Linux"]]
    .find(([mark]) => agent.includes(mark))?.[1] ?? "";
  return system ? `${browser} on ${system}` : browser;
}

export const signUp = async (email, password) =>
  loggedIn(await send("/accounts", json("POST", { email, password, device: deviceName() })));
export async function logIn(email, password) {
  const deviceId = localStorage.getItem("matinee.device") ?? "";
  loggedIn(await send("/auth/login", json("POST", { email, password, device: deviceName(), deviceId })));
  localStorage.setItem("matinee.device", account().deviceId ?? "");
}
/** Learn who the cookies of a log-in are of, which a provider has set. */
export async function enter() {
  const { accountId, profileId, deviceId } = await send("/me");
  loggedIn({ accountId, profileId, deviceId });
}
export async function logOut() {
  try {
    await post("/auth/logout", {});
  } catch (error) {
    // Only the platform can take the log-in's cookies away: while it does not, nobody may believe they are logged out.
    if (error.status !== 401) throw error;
  }
  remember(null);
}
export const me = () => ask("/me");
export const addProfile = (profile) => post("/me/profiles", profile);
export const changeProfile = (profileId, profile) => ask(`/me/profiles/${id(profileId)}`, json("PUT", profile));
export const deleteProfile = (profileId) => ask(`/me/profiles/${id(profileId)}`, { method: "DELETE" });
export const devices = () => ask("/me/devices");
export const deleteDevice = (deviceId) => ask(`/me/devices/${id(deviceId)}`, { method: "DELETE" });
export const changePassword = (currentPassword, newPassword) => ask("/me/password", json("PUT", { currentPassword, newPassword }));
export const requestReset = (email) => send("/auth/reset-request", json("POST", { email }));
export const resetPassword = (token, password) => send("/auth/reset", json("POST", { token, password }));
export const exportMe = () => ask("/me/export");
export async function deleteMe() {
  const done = await ask("/me", { method: "DELETE" });
  remember(null);
  return done;
}
