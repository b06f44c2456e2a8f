// Everything of accounts: log-in, sign-up, a new password, profiles, devices, the account itself, and settings.

import * as api from "./api.js";
import { element } from "./cards.js";
import { choice, field, form } from "./forms.js";
import { dataSaver, keepDataSaver } from "./memory.js";
import { languageChoices } from "./tracks.js";

const MIN_PASSWORD = 8;
const KIDS_MATURITY = 12;
let provider = "";

/** Offer to log in through a provider, by its name; "" where there is none. */
export const offerProvider = (name) => { provider = name ?? ""; };
const byProvider = () => (provider ? element("p", { class: "aside" }, element("a", { class: "quiet", href: "/auth/oidc/start" }, `Log in with ${provider}`)) : null);

const go = (hash) => { location.hash = hash; };
const heading = (text) => element("h1", { class: "page-title" }, text);
const panel = (...children) => element("section", { class: "panel" }, ...children);
const titled = (name, ...children) => element("section", { class: "panel", "aria-label": name }, element("h2", {}, name), ...children);
const link = (href, text, style = "") => element("a", { href, class: style }, text);

/** The platform's own sentence for a refusal. */
async function worded(work) {
  try {
    return await work();
  } catch (error) {
    if (error.reason === "no-such-path") throw new Error("Accounts are not offered here.");
    throw new Error((error.status < 500 && error.problem?.detail) || error.message);
  }
}

/** The corner of the page: who watches, or the way to log in. */
export async function showWho(nav) {
  if (!api.account()) {
    nav.replaceChildren(link("#login", "Log in", "who-link"));
    return;
  }
  const initial = (name) => (name ?? "?").trim().slice(0, 1).toUpperCase() || "?";
  const chip = (name) => nav.replaceChildren(element("a", { class: "who-chip", href: "#profiles" },
    element("span", { class: "face", "aria-hidden": "true" }, initial(name)), element("span", { class: "who-name" }, name)));
  chip(api.account().profileName ?? "Profiles");
}

const password = (label, name, autocomplete, least = 1) =>
  field(label, { type: "password", name, autocomplete, required: true, minlength: least, maxlength: 200 });
const email = () => field("E-mail", { type: "email", name: "email", autocomplete: "username", required: true, maxlength: 254 });

async function entered(view) {
  const me = await api.me().catch(() => null);
  const profile = me?.profiles?.find((one) => one.profileId === api.account()?.profileId) ?? me?.profiles?.[0];
  if (profile) choose(profile);
  view.go(me?.profiles?.length > 1 ? "#profiles" : "#");
}

function choose(profile) {
  const { profileId, name, kids, maturity, language, subtitles } = profile;
  const shown = kids ? Math.min(KIDS_MATURITY, maturity ?? KIDS_MATURITY) : maturity ?? null;
  const chosen = { profileId, profileName: name, maturity: shown, language, subtitles };
  keepDataSaver(Boolean(profile.dataSaver));
  const before = api.account() ?? {};
  if (Object.keys(chosen).some((key) => chosen[key] !== before[key])) api.remember(chosen);
}

/** Follow what was changed elsewhere: the profile's choices, and whether this device is still logged in. */
export async function follow() {
  const { accountId } = api.account() ?? {};
  if (!accountId) return;
  const isStill = () => api.account()?.accountId === accountId; // they may log out, and others in, meanwhile
  try {
    const { profiles: all } = await api.me();
    if (isStill()) choose(all.find((one) => one.profileId === api.account()?.profileId) ?? all[0]);
  } catch (error) {
    // Nothing else is said: the page shows what it remembers, and the next call tells what is wrong.
    if (error.status === 401 && isStill()) api.remember(null);
  }
}

function login(view) {
  view.replaceChildren(panel(heading("Log in"),
    form([email(), password("Password", "password", "current-password")], "Log in",
      async (values) => { await worded(() => api.logIn(values.email, values.password)); await entered(view); }),
    byProvider(),
    element("p", { class: "aside" }, link("#forgot", "Forgot your password?")),
    element("p", { class: "aside" }, "New here? ", link("#signup", "Make an account"))));
}

function signup(view) {
  view.replaceChildren(panel(heading("Make an account"),
    form([email(), password(`Password, at least ${MIN_PASSWORD} characters`, "password", "new-password", MIN_PASSWORD)], "Sign up",
      async (values) => { await worded(() => api.signUp(values.email, values.password)); await entered(view); }),
    byProvider(),
    element("p", { class: "aside" }, "You have one already? ", link("#login", "Log in"))));
}

/** The way back from a provider: the cookies are set, and the page learns who they are of. */
async function welcome(view) {
  try {
    await api.enter();
  } catch {
    return view.go("#login");
  }
  return entered(view);
}

function forgot(view) {
  view.replaceChildren(panel(heading("A new password"),
    element("p", {}, "We send you a link with which you can set a new password."),
    form([email()], "Send the link", async (values) => {
      await worded(() => api.requestReset(values.email));
      return "If there is an account for this address, the link is on its way.";
    })));
}

function reset(view, { token }) {
  view.replaceChildren(panel(heading("A new password"),
    form([password(`New password, at least ${MIN_PASSWORD} characters`, "password", "new-password", MIN_PASSWORD)], "Set the password", async (values) => {
      await worded(() => api.resetPassword(token, values.password));
      view.go("#login");
    })));
}

async function profiles(view) {
  const me = await api.me();
  const face = (profile) => {
    const button = element("button", { class: "profile", type: "button", "aria-current": profile.profileId === api.account().profileId ? "true" : null },
      element("span", { class: "face large", "aria-hidden": "true" }, profile.name.trim().slice(0, 1).toUpperCase() || "?"),
      element("span", {}, profile.name), profile.kids ? element("span", { class: "card-facts" }, "Kids") : null);
    button.addEventListener("click", () => { choose(profile); go("#"); });
    return button;
  };
  view.replaceChildren(heading("Who is watching?"),
    element("div", { class: "profiles" }, me.profiles.map(face)),
    titled("Another profile", form([
      field("Name", { name: "name", required: true, maxlength: 40, autocomplete: "off" }),
      field("For kids", { type: "checkbox", name: "kids" }),
    ], "Add the profile", async (values) => {
      await worded(() => api.addProfile({ name: values.name, kids: values.kids }));
      await profiles(view);
    }, { style: "quiet" })),
    element("p", { class: "aside" }, link("#account", "Account, devices and password")));
}

function day(seconds) {
  return new Date(seconds * 1000).toLocaleDateString(undefined, { dateStyle: "medium" });
}

/** A button that works while it is disabled, with a line for what went wrong: [button, line]. */
function working(button, work) {
  const message = element("p", { class: "message", role: "status", "aria-live": "polite" });
  button.addEventListener("click", async () => {
    button.disabled = true;
    message.classList.remove("bad");
    message.textContent = "";
    try {
      await worded(work);
    } catch (error) {
      message.classList.add("bad");
      message.textContent = error.message;
    } finally {
      button.disabled = false;
    }
  });
  return [button, message];
}

const logOut = async (view) => { await api.logOut(); view.go("#"); };

async function devices(list, view) {
  const mine = list.run = (list.run ?? 0) + 1;
  const found = await api.devices();
  if (mine !== list.run) return; // a device that was removed since is not in the later list
  list.replaceChildren(...found.map((device) => {
    const button = element("button", { class: "quiet small", type: "button" }, device.current ? "Log out" : "Remove",
      element("span", { class: "hidden" }, ` ${device.name}`));
    const parts = working(button, async () => {
      if (device.current) return logOut(view);
      await api.deleteDevice(device.deviceId).catch((error) => { if (error.status !== 404) throw error; }); // gone already
      return devices(list, view);
    });
    return element("li", {}, element("span", {}, device.name || "Unknown device",
      element("span", { class: "card-facts" }, device.current ? "This device" : `Last seen ${day(device.seen)}`)), ...parts);
  }));
}

function profileSettings(profile, view) {
  const own = form([
    field("Name", { name: "name", value: profile.name, required: true, maxlength: 40, autocomplete: "off" }),
    choice("Audio", "language", [["", "The film's own"], ...languageChoices(profile.language)], profile.language ?? ""),
    choice("Subtitles", "subtitles", [["", "None"], ...languageChoices(profile.subtitles)], profile.subtitles ?? ""),
    choice("Titles for", "maturity", [["", "All ages"], ...[18, 16, 12, 6, 0].map((age) => [String(age), age ? `Up to ${age} years` : "Everybody"])], String(profile.maturity ?? "")),
    field("For kids", { type: "checkbox", name: "kids", checked: profile.kids }),
    field("Data saver: at most 480p", { type: "checkbox", name: "dataSaver", checked: profile.dataSaver }),
    field("Use what I watch for recommendations", { type: "checkbox", name: "consent", checked: profile.consent }),
  ], "Save", async (values) => {
    const maturity = values.maturity === "" ? null : Number(values.maturity);
    const changed = await worded(() => api.changeProfile(profile.profileId, { ...values, maturity }));
    if (api.account()?.profileId === profile.profileId) choose(changed); // another one may watch by now
    return "Saved.";
  });
  const gone = element("button", { class: "quiet small", type: "button" }, "Delete this profile");
  gone.addEventListener("click", async () => {
    if (!confirm(`Delete the profile ${profile.name} and what it watched?`)) return;
    try {
      await worded(() => api.deleteProfile(profile.profileId));
      api.remember({ profileId: "", profileName: "" });
      await entered(view);
    } catch (error) {
      gone.after(element("p", { class: "message bad", role: "alert" }, error.message));
    }
  });
  return titled(`Profile ${profile.name}`, own, gone);
}

async function account(view) {
  const me = await api.me();
  const profile = me.profiles.find((one) => one.profileId === api.account().profileId) ?? me.profiles[0];
  const list = element("ul", { class: "devices" });
  const save = working(element("button", { class: "quiet", type: "button" }, "Download my data"), async () => {
    const blob = new Blob([JSON.stringify(await api.exportMe(), null, 2)], { type: "application/json" });
    const url = URL.createObjectURL(blob);
    element("a", { href: url, download: "matinee-export.json" }).click();
    setTimeout(() => URL.revokeObjectURL(url), 10000);
  });
  const plan = { sd: "SD", hd: "HD", uhd: "4K" }[me.plan?.tier] ?? "";
  const out = working(element("button", { class: "quiet", type: "button" }, "Log out"), () => logOut(view));
  view.replaceChildren(heading("Your account"),
    titled("Plan", element("p", {}, me.email ?? ""), element("p", {}, `${plan}, ${me.plan?.streams ?? 1} at a time`), ...out),
    profileSettings(profile, view),
    titled("Devices", list),
    titled("Password", form([password("Password now", "current", "current-password"),
      password(`New password, at least ${MIN_PASSWORD} characters`, "next", "new-password", MIN_PASSWORD)], "Change the password", async (values) => {
      await worded(() => api.changePassword(values.current, values.next));
      return "Changed. Every other device has been logged out.";
    }, { style: "quiet" })),
    titled("Your data", ...save, form([field("Type DELETE to delete the account and everything about you", { name: "sure", required: true, pattern: "DELETE", autocomplete: "off" })],
      "Delete my account", async () => { await worded(() => api.deleteMe()); view.go("#"); }, { style: "danger" })));
  await devices(list, view);
}

function settings(view) {
  view.replaceChildren(heading("Settings"), panel(form(
    [field("Data saver: at most 480p", { type: "checkbox", name: "saver", checked: dataSaver() })], "Save", async ({ saver }) => {
      keepDataSaver(saver);
      return "Saved for this browser.";
    })));
}

const PAGES = { login, signup, welcome, forgot, reset, settings };
const OWN_PAGES = { profiles, account };

/** What is shown in the place of what is not there, or cannot be drawn. */
export const nothingHere = (title = "There is nothing here") => element("div", {}, heading(title), element("p", { class: "status" }, link("#", "Back to the films")));

/** Draw a page of accounts; an own page asks a viewer who is not logged in to log in. */
export async function draw(view, say, place) {
  say("");
  if (PAGES[place.name]) return PAGES[place.name](view, place);
  if (!OWN_PAGES[place.name]) {
    view.replaceChildren(nothingHere());
    return undefined;
  }
  try {
    return await OWN_PAGES[place.name](view);
  } catch (error) {
    if (error.status !== 401) throw error;
    api.remember(null);
    return view.go("#login");
  }
}
