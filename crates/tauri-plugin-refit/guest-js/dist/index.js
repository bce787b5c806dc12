import { invoke } from "@tauri-apps/api/core";
import { listen } from "@tauri-apps/api/event";
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
* `status`, `check`, `apply`, `retry` and the subscribers work on the runtime's page and on the
* app's own pages; `rollback`, `history` and `logs` only on the app's own. Every function rejects
* with a `Problem`.
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
/** Goes back to a version; without one, to the one before. App pages only. */
function rollback(version) {
	return ask("rollback", { version: version ?? null });
}
/** What happened on this device, oldest first. App pages only. */
function history() {
	return ask("history");
}
/** The folder with the runtime's output, a file per version. App pages only. */
function logs() {
	return ask("logs");
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
/** Calls `handler` with the status now and with every newer one. */
async function onStatus(handler) {
	let newest = -1;
	let attached = true;
	const deliver = (next) => {
		if (!attached || next.seq <= newest) return;
		newest = next.seq;
		handler(next);
	};
	const detach = await subscribe("refit://status", deliver);
	try {
		deliver(await status());
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
export { apply, check, history, logs, onRolledBack, onStatus, onUpdateStaged, retry, rollback, status, toProblem };
