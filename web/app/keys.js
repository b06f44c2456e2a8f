// The keyboard of the player: space or k plays and pauses, j and ← go back 10 s, l and → go on 10 s, ↑ ↓ volume,
// f full screen, m mute, c subtitles, Home and End, 0 to 9 for tenths, < and > speed, Escape leaves.

const SPEEDS = [0.5, 0.75, 1, 1.25, 1.5, 2];
const STEP = 10;

/** The action of a key, or "" for keys that are not the player's. */
export function actionOf({ key, ctrlKey, metaKey, altKey }) {
  if (ctrlKey || metaKey || altKey) return "";
  if (/^[0-9]$/.test(key)) return `tenth-${key}`;
  return {
    " ": "toggle", k: "toggle", j: "back", l: "forward", ArrowLeft: "back", ArrowRight: "forward", ArrowUp: "louder",
    ArrowDown: "quieter", f: "fullscreen", m: "mute", c: "subtitles", Home: "first", End: "last", "<": "slower", ">": "faster",
    Escape: "leave",
  }[key.length === 1 ? key.toLowerCase() : key] ?? "";
}

function inner() {
  let found = document.activeElement;
  while (found?.shadowRoot?.activeElement) found = found.shadowRoot.activeElement;
  return found;
}

const MENU_KEYS = new Set([" ", "ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "Home", "End", "Escape"]);

/** Whether the focused control wants this key for itself: menus want arrows, buttons that show their focus want space. */
function isWanted(action, event) {
  const path = event.composedPath();
  if (path.some((one) => one.localName?.endsWith("-menu"))) return MENU_KEYS.has(event.key);
  const isControl = path.some((one) => /button$/.test(one.localName ?? ""));
  return event.key === " " && isControl && Boolean(inner()?.matches?.(":focus-visible"));
}

/** Listen while `player.open`. */
export function listenToKeys(player, video, stage) {
  const seek = (time) => { video.currentTime = Math.min(Math.max(0, time), (video.duration || time) - 0.1); };
  const louder = (by) => {
    video.volume = Math.min(1, Math.max(0, Math.round((video.volume + by) * 10) / 10));
    video.muted = video.volume === 0;
  };
  const speed = (by) => {
    const next = SPEEDS.indexOf(video.playbackRate) + by;
    if (SPEEDS[next]) video.playbackRate = SPEEDS[next];
  };
  let language = ""; // of the subtitles that were on last
  const subtitles = () => {
    const tracks = [...video.textTracks].filter((track) => track.kind === "subtitles" || track.kind === "captions");
    const on = tracks.find((track) => track.mode === "showing");
    language = on?.language ?? language;
    for (const track of tracks) track.mode = "disabled";
    const next = tracks.find((track) => track.language === language) ?? tracks[0];
    if (!on && next) next.mode = "showing";
  };
  const actions = {
    toggle: () => (video.paused ? video.play().catch(() => {}) : video.pause()),
    back: () => seek(video.currentTime - STEP),
    forward: () => seek(video.currentTime + STEP),
    louder: () => louder(0.1),
    quieter: () => louder(-0.1),
    fullscreen: () => (document.fullscreenElement ? document.exitFullscreen() : player.element.requestFullscreen?.().catch(() => {})),
    mute: () => { video.muted = !video.muted; },
    subtitles,
    first: () => seek(0),
    last: () => seek((video.duration || 0) - 1),
    slower: () => speed(-1),
    faster: () => speed(1),
    leave: () => { if (!document.fullscreenElement) player.leave(); },
  };
  addEventListener("keydown", (event) => {
    if (!player.open) return;
    const action = actionOf(event);
    if (!action || isWanted(action, event) || (player.failed && action !== "leave")) return;
    event.preventDefault();
    event.stopPropagation();
    if (action.startsWith("tenth-")) seek((video.duration || 0) * Number(action.at(-1)) / 10);
    else actions[action]();
    stage.dispatchEvent(new PointerEvent("pointermove", { bubbles: true, pointerType: "mouse" })); // shows the controls
  }, { capture: true });
}
