import type { Applied, Apps, CheckReport, HistoryEntry, RolledBack, Status, UpdateStaged, Upgraded, Workspace, WorkspaceDead, WorkspaceUpgraded } from './types';
export type * from './types';
export { toProblem } from './types';
/** Ends one subscription, and only that one. Calling it again does nothing. */
export type Detach = () => void;
/** The whole status now. */
export declare function status(): Promise<Status>;
/** Looks for a newer version now, and stages what it finds. */
export declare function check(): Promise<CheckReport>;
/** Restarts the runtime, not the app, into the version that waits. */
export declare function apply(): Promise<Applied>;
/** Tries a version again that failed here; without one, the one that failed last. */
export declare function retry(version?: string): Promise<Applied>;
/**
 * Goes back to a version; without one, to the one before. With `withData`, the data folder is put
 * back too, as it was before what is left was first launched. App pages only.
 */
export declare function rollback(version?: string, withData?: boolean): Promise<Applied>;
/** What happened on this device, oldest first. App pages only. */
export declare function history(): Promise<HistoryEntry[]>;
/** The folder with the runtime's output, a file per version. App pages only. */
export declare function logs(): Promise<string>;
/** All runtimes with their workspaces, and what this machine is. App pages only. */
export declare function apps(): Promise<Apps>;
/** Looks for a newer version of one runtime now, and stages what it finds. App pages only. */
export declare function appCheck(app: string): Promise<CheckReport>;
/**
 * Fetches the newest version of one runtime once, tries it in one workspace, and then restarts the
 * others into it one after another. App pages only.
 */
export declare function appUpgrade(app: string): Promise<Upgraded>;
/** The workspaces of one runtime, `main` first. App pages only. */
export declare function workspaces(app: string): Promise<Workspace[]>;
/** Makes a workspace with a folder of its own, which the app chooses. App pages only. */
export declare function workspaceAdd(app: string, name: string): Promise<Workspace>;
/** Stops a workspace and forgets it; its folder stays. App pages only. */
export declare function workspaceRemove(app: string, name: string): Promise<Workspace>;
/** Restarts one workspace, or revives it. App pages only. */
export declare function workspaceRestart(app: string, name: string): Promise<Workspace>;
/** Shows a workspace in the main window. App pages only. */
export declare function workspaceShow(app: string, name: string): Promise<void>;
/**
 * Calls `handler` with the status now and with every newer one of the same runtime. An app may keep
 * several runtimes; statuses of all of them are told to every window.
 */
export declare function onStatus(handler: (status: Status) => void): Promise<Detach>;
/** Calls `handler` with all runtimes now and whenever something changed there. App pages only. */
export declare function onApps(handler: (apps: Apps) => void): Promise<Detach>;
/** Calls `handler` when a version has been staged and waits for a restart. */
export declare function onUpdateStaged(handler: (event: UpdateStaged) => void): Promise<Detach>;
/** Calls `handler` when a version failed, or was rolled back from. */
export declare function onRolledBack(handler: (event: RolledBack) => void): Promise<Detach>;
/** Calls `handler` when a workspace runs another version than before. */
export declare function onUpgraded(handler: (event: WorkspaceUpgraded) => void): Promise<Detach>;
/** Calls `handler` when nothing runs in a workspace any more. */
export declare function onWorkspaceDead(handler: (event: WorkspaceDead) => void): Promise<Detach>;
