/** The whole state of a device, as `status()` and `refit://status` give it. */
export interface Status {
    /** Larger than that of every earlier status of this run. */
    seq: number;
    updates: 'on' | 'development-build' | 'no-auto-update';
    phase: 'starting' | 'running' | 'restarting' | 'failed' | 'stopped';
    /** The version that is on its way up. */
    starting: string | null;
    /** What serves now. */
    running: Running | null;
    /** A version that waits for a restart. */
    staged: {
        version: string;
        stagedAt: string;
        notes?: string | null;
    } | null;
    /** The confirmed version before the one that the pointer names. */
    previous: string | null;
    /** The version inside the installer, and what is odd about it. */
    bundled: {
        version: string;
        note: string | null;
    };
    /** Versions that failed here. */
    bad: {
        version: string;
        reason: string;
        detail: string;
        at: string;
    }[];
    lastCheck: LastCheck | null;
    nextCheckAt: string | null;
    progress: Progress | null;
    /** The last fallback of this run, until something newer is ready. */
    fellBack: FellBack | null;
    /** Why nothing runs, when even the bundled version failed. */
    failure: {
        message: string;
        hint: string;
        detail: string;
    } | null;
    /** Files that could not be read and the like, in words. */
    problems: string[];
}
export interface Running {
    version: string;
    source: 'pointer' | 'previous' | 'bundled' | 'development';
    url: string;
    since: string;
    /** Whether its trial is still on. */
    trial: boolean;
}
export interface LastCheck {
    at: string;
    by: 'timer' | 'person';
    decision: 'stage' | 'hold' | 'none' | null;
    version: string | null;
    /** The reason's code, or the error's. */
    reason: string;
    /** The reason in words. */
    message: string;
    error: Problem | null;
}
/** What a check came to. */
export interface CheckReport {
    at: string;
    decision: 'stage' | 'hold' | 'none';
    version: string | null;
    /** The reason's code. */
    reason: string;
    /** The reason in words. */
    message: string;
    /** What became of staging, where the decision was to stage. */
    staged: StageReport | null;
}
export interface StageReport {
    outcome: 'staged' | 'up-to-date' | 'already-staged' | 'bad-version' | 'held' | 'incompatible';
    version: string | null;
    reason: string;
    message: string;
}
export interface Progress {
    version: string;
    phase: 'downloading' | 'verifying' | 'staging';
    bytes: number;
    total: number | null;
}
export interface FellBack {
    /** The version that failed. */
    from: string;
    /** The version that runs instead. */
    to: string;
    reason: string;
    message: string;
    at: string;
    /** Whether the failed version is on the bad list now. */
    condemned: boolean;
}
/** What a restart, a retry or a roll back came to. */
export interface Applied {
    outcome: 'applied' | 'fell-back' | 'rolled-back' | 'staged' | 'nothing';
    version: string | null;
    /** In words. */
    reason: string;
}
/** One line of the history. */
export interface HistoryEntry {
    at: string;
    event: 'staged' | 'applied' | 'confirmed' | 'fell-back' | 'rolled-back' | 'forgiven';
    version: string;
    from?: string;
    reason?: string;
}
/** What every function here rejects with. */
export interface Problem {
    /** Kebab-case code. */
    kind: string;
    message: string;
    /** The next step. */
    hint: string;
}
/** `runtime:update-staged` */
export interface UpdateStaged {
    version: string;
}
/** `runtime:rolled-back`: `version` is what runs now. */
export interface RolledBack {
    version: string;
    reason: string;
}
/** Makes a `Problem` of whatever an invoke was rejected with. */
export declare function toProblem(error: unknown): Problem;
