import { invoke } from "@tauri-apps/api/core";
import { listen } from "@tauri-apps/api/event";
// \0@oxc-project+runtime@0.156.0/helpers/esm/checkPrivateRedeclaration.js
function _checkPrivateRedeclaration(e, t) {
	if (t.has(e)) throw new TypeError("Cannot initialize the same private elements twice on an object");
}
// \0@oxc-project+runtime@0.156.0/helpers/esm/classPrivateMethodInitSpec.js
function _classPrivateMethodInitSpec(e, a) {
	_checkPrivateRedeclaration(e, a), a.add(e);
}
// \0@oxc-project+runtime@0.156.0/helpers/esm/classPrivateFieldInitSpec.js
function _classPrivateFieldInitSpec(e, t, a) {
	_checkPrivateRedeclaration(e, t), t.set(e, a);
}
// \0@oxc-project+runtime@0.156.0/helpers/esm/assertClassBrand.js
function _assertClassBrand(e, t, n) {
	if ("function" == typeof e ? e === t : e.has(t)) return arguments.length < 3 ? t : n;
	throw new TypeError("Private element is not present on this object");
}
// \0@oxc-project+runtime@0.156.0/helpers/esm/classPrivateFieldSet2.js
function _classPrivateFieldSet2(s, a, r) {
	return s.set(_assertClassBrand(s, a), r), r;
}
// \0@oxc-project+runtime@0.156.0/helpers/esm/classPrivateFieldGet2.js
function _classPrivateFieldGet2(s, a) {
	return s.get(_assertClassBrand(s, a));
}
// newest.ts
var _handler = /* @__PURE__ */ new WeakMap();
var _app = /* @__PURE__ */ new WeakMap();
var _seq = /* @__PURE__ */ new WeakMap();
var _ended = /* @__PURE__ */ new WeakMap();
var _early = /* @__PURE__ */ new WeakMap();
var _Newest_brand = /* @__PURE__ */ new WeakSet();
var Newest = class {
	constructor(handler) {
		_classPrivateMethodInitSpec(this, _Newest_brand);
		_classPrivateFieldInitSpec(this, _handler, void 0);
		_classPrivateFieldInitSpec(this, _app, null);
		_classPrivateFieldInitSpec(this, _seq, -1);
		_classPrivateFieldInitSpec(this, _ended, false);
		_classPrivateFieldInitSpec(this, _early, /* @__PURE__ */ new Map());
		_classPrivateFieldSet2(_handler, this, handler);
	}
	/** The answer to a question of this page's own: its runtime is the one that counts. */
	begin(status) {
		_classPrivateFieldSet2(_app, this, status.app.name);
		_assertClassBrand(_Newest_brand, this, _deliver).call(this, status);
		const early = _classPrivateFieldGet2(_early, this).get(status.app.name);
		_classPrivateFieldGet2(_early, this).clear();
		if (early !== void 0) _assertClassBrand(_Newest_brand, this, _deliver).call(this, early);
	}
	/** What every window is told. */
	hear(status) {
		const { name } = status.app;
		if (_classPrivateFieldGet2(_app, this) === null) {
			const known = _classPrivateFieldGet2(_early, this).get(name);
			if (known === void 0 || known.seq < status.seq) _classPrivateFieldGet2(_early, this).set(name, status);
		} else if (name === _classPrivateFieldGet2(_app, this)) _assertClassBrand(_Newest_brand, this, _deliver).call(this, status);
	}
	end() {
		_classPrivateFieldSet2(_ended, this, true);
	}
};
function _deliver(status) {
	if (_classPrivateFieldGet2(_ended, this) || status.seq <= _classPrivateFieldGet2(_seq, this)) return;
	_classPrivateFieldSet2(_seq, this, status.seq);
	_classPrivateFieldGet2(_handler, this).call(this, status);
}
// types.ts
/** Makes a `Problem` of whatever an invoke was rejected with. */
function toProblem(error) {
	if (typeof error === "object" && error !== null && "message" in error) {
		const { kind, message, hint } = error;
		return {
			kind: kind ?? "error",
			message: String(message),
			hint: hint ?? ""
		};
	}
	return {
		kind: "error",
		message: String(error),
		hint: ""
	};
}
// index.ts
/**
* Typed functions for pages of an app that uses tauri-plugin-refit.
*
* `status`, `check`, `apply`, `retry` and the subscribers but `onApps` work on the runtime's page,
* where they are about the runtime that serves it, and on the app's own pages, where they are about
* the main one. All others are for the app's own pages. Every function rejects with a `Problem`.
*/
async function ask(command, args = {}) {
	try {
		return await invoke(`plugin:refit|${command}`, args);
	} catch (error) {
		throw toProblem(error);
	}
}
/** The whole status now. */
function status() {
	return ask("status");
}
/** Looks for a newer version now, and stages what it finds. */
function check() {
	return ask("check");
}
/** Restarts the runtime, not the app, into the version that waits. */
function apply() {
	return ask("apply");
}
/** Tries a version again that failed here; without one, the one that failed last. */
function retry(version) {
	return ask("retry", { version: version ?? null });
}
/**
* Goes back to a version; without one, to the one before. With `withData`, the data folder is put
* back too, as it was before what is left was first launched. App pages only.
*/
function rollback(version, withData = false) {
	return ask("rollback", {
		version: version ?? null,
		withData
	});
}
/** What happened on this device, oldest first. App pages only. */
function history() {
	return ask("history");
}
/** The folder with the runtime's output, a file per version. App pages only. */
function logs() {
	return ask("logs");
}
/** All runtimes with their workspaces, and what this machine is. App pages only. */
function apps() {
	return ask("apps");
}
/** Looks for a newer version of one runtime now, and stages what it finds. App pages only. */
function appCheck(app) {
	return ask("app_check", { app });
}
/**
* Fetches the newest version of one runtime once, tries it in one workspace, and then restarts the
* others into it one after another. App pages only.
*/
function appUpgrade(app) {
	return ask("app_upgrade", { app });
}
/** The workspaces of one runtime, `main` first. App pages only. */
function workspaces(app) {
	return ask("workspaces", { app });
}
/** Makes a workspace with a folder of its own, which the app chooses. App pages only. */
function workspaceAdd(app, name) {
	return ask("workspace_add", {
		app,
		name
	});
}
/** Stops a workspace and forgets it; its folder stays. App pages only. */
function workspaceRemove(app, name) {
	return ask("workspace_remove", {
		app,
		name
	});
}
/** Restarts one workspace, or revives it. App pages only. */
function workspaceRestart(app, name) {
	return ask("workspace_restart", {
		app,
		name
	});
}
/** Shows a workspace in the main window. App pages only. */
function workspaceShow(app, name) {
	return ask("workspace_show", {
		app,
		name
	});
}
async function subscribe(event, handler) {
	let attached = true;
	const unlisten = await listen(event, ({ payload }) => {
		if (attached) handler(payload);
	});
	return () => {
		if (!attached) return;
		attached = false;
		unlisten();
	};
}
/**
* Calls `handler` with the status now and with every newer one of the same runtime. An app may keep
* several runtimes; statuses of all of them are told to every window.
*/
async function onStatus(handler) {
	const newest = new Newest(handler);
	const detach = await subscribe("refit://status", (next) => newest.hear(next));
	try {
		newest.begin(await status());
	} catch (error) {
		detach();
		throw error;
	}
	return () => {
		newest.end();
		detach();
	};
}
/** Calls `handler` with all runtimes now and whenever something changed there. App pages only. */
async function onApps(handler) {
	let newest = -1;
	let attached = true;
	let asking = false;
	let again = false;
	const look = async () => {
		if (asking) {
			again = true;
			return;
		}
		asking = true;
		try {
			do {
				again = false;
				const next = await apps();
				if (attached && next.seq > newest) {
					newest = next.seq;
					handler(next);
				}
			} while (again && attached);
		} finally {
			asking = false;
		}
	};
	const detach = await subscribe("refit://apps", ({ seq }) => {
		if (seq > newest) look().catch(() => void 0);
	});
	try {
		await look();
	} catch (error) {
		detach();
		throw error;
	}
	return () => {
		attached = false;
		detach();
	};
}
/** Calls `handler` when a version has been staged and waits for a restart. */
function onUpdateStaged(handler) {
	return subscribe("runtime:update-staged", handler);
}
/** Calls `handler` when a version failed, or was rolled back from. */
function onRolledBack(handler) {
	return subscribe("runtime:rolled-back", handler);
}
/** Calls `handler` when a workspace runs another version than before. */
function onUpgraded(handler) {
	return subscribe("runtime:upgraded", handler);
}
/** Calls `handler` when nothing runs in a workspace any more. */
function onWorkspaceDead(handler) {
	return subscribe("runtime:workspace-dead", handler);
}
export { appCheck, appUpgrade, apply, apps, check, history, logs, onApps, onRolledBack, onStatus, onUpdateStaged, onUpgraded, onWorkspaceDead, retry, rollback, status, toProblem, workspaceAdd, workspaceRemove, workspaceRestart, workspaceShow, workspaces };
