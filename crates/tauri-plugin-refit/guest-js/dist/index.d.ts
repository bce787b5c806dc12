import type { Applied, CheckReport, HistoryEntry, RolledBack, Status, UpdateStaged } from './types';
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
/** Goes back to a version; without one, to the one before. App pages only. */
export declare function rollback(version?: string): Promise<Applied>;
/** What happened on this device, oldest first. App pages only. */
export declare function history(): Promise<HistoryEntry[]>;
/** The folder with the runtime's output, a file per version. App pages only. */
export declare function logs(): Promise<string>;
/** Calls `handler` with the status now and with every newer one. */
export declare function onStatus(handler: (status: Status) => void): Promise<Detach>;
/** Calls `handler` when a version has been staged and waits for a restart. */
export declare function onUpdateStaged(handler: (event: UpdateStaged) => void): Promise<Detach>;
/** Calls `handler` when a version failed, or was rolled back from. */
export declare function onRolledBack(handler: (event: RolledBack) => void): Promise<Detach>;
