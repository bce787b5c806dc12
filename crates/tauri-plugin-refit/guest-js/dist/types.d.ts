/** The whole state of a device, as `status()` and `refit://status` give it. */
export interface Status {
    /** Larger than that of every earlier status of this run. */
    seq: number;
    /** `managed`: it looks by itself, and only an administrator decides; `off`: it does not look. */
    updates: 'on' | 'development-build' | 'no-auto-update' | 'managed' | 'off';
    phase: 'starting' | 'running' | 'restarting' | 'failed' | 'stopped';
    /** The version that is on its way up. */
    starting: string | null;
    /** What serves now. */
    running: Running | null;
    /** A version that waits for a restart. */
    staged: Staged | null;
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
    /** Where this device stands in a rollout; null in a development build. */
    rollout: Rollout | null;
    /** What runs must no longer run; in words. */
    recalledRunning: {
        version: string;
        message: string;
    } | null;
    /** What the last launch passed over because it must not, or may not yet, run. */
    passedOver: PassedOver | null;
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
    /** The runtime says that a restart would cost somebody work. */
    busy: Busy | null;
    /** What the restart into the staged version waits for; null where nothing is staged. */
    applying: Applying | null;
    /** The last rehearsals, the newest last. For pages that a person opens to look. */
    rehearsals: Rehearsal[];
    /** Stored versions that were found damaged. */
    damage: Damage[];
    /** A version that needs another host than this app. */
    contract: ContractFinding | null;
    /** What is kept of the data folder. */
    snapshots: Snapshot[];
    /** What an administrator decided; null where the user decides. */
    managed: Managed | null;
    /** Every running instance, `main` first. The runtime's own page sees no folders and addresses. */
    workspaces: Workspace[];
    /** Which runtime this is about. */
    app: {
        name: string;
        package: string;
    };
    /** How this device stands in its fleet; null where it is in none. */
    fleet: Fleet | null;
}
export interface Busy {
    /** How many tasks are running, where the runtime says so. */
    tasks: number | null;
    since: string;
}
export interface Applying {
    mode: 'prompt' | 'idle' | 'next-launch' | 'now';
    waitsFor: 'person' | 'idle' | 'next-launch' | 'turn';
    /** When it is applied whatever the runtime says. */
    deadline: string | null;
}
/** A launch out of sight, before anybody was asked. */
export interface Rehearsal {
    version: string;
    outcome: 'passed' | 'failed' | 'skipped' | 'bad' | 'inconclusive';
    /** What was measured, or what went wrong. */
    detail: string;
    at: string;
}
export interface Damage {
    version: string;
    /** Which files, and what is the matter with them. */
    detail: string;
    state: 'found' | 'mended' | 'waiting';
    at: string;
}
export interface ContractFinding {
    version: string;
    message: string;
    /** The version that took its place because of this. */
    healed: string | null;
}
export interface Snapshot {
    /** It was taken before the first launch of this version. */
    version: string;
    /** The data are those of this version. */
    of: string | null;
    at: string;
    bytes: number;
}
export interface Managed {
    updates: 'managed' | 'off';
    /** In words. */
    message: string;
    /** The file that says so. */
    source: string;
}
/** A fleet whose operator says which version this device is to have. */
export interface Fleet {
    name: string;
    /** This device's name in it. */
    device: string;
    connected: boolean;
    /** Why there is no connection, or why orders cannot be read. */
    trouble: string | null;
    state: 'idle' | 'arrived' | 'waiting' | 'staging' | 'staged' | 'swapping' | 'refused' | 'trouble' | 'off' | 'halted';
    /** The version that is ordered. */
    target: string | null;
    generation: number | null;
    /** `global`, `group.NAME` or `device.NAME`. */
    scope: string | null;
    /** Why it stands so, as a code and in words; empty where there is nothing to say. */
    reason: string;
    detail: string;
    /** Reports that wait to be sent. */
    unsent: number;
    /** All that in words. */
    message: string;
}
/** One running instance of a runtime. */
export interface Workspace {
    name: string;
    folder: string;
    state: 'starting' | 'running' | 'restarting' | 'dead' | 'stopped';
    version: string | null;
    url: string | null;
    /** What serves there now: another one after each restart and each swap. */
    launchId: string | null;
    since: string | null;
    /** Why it is dead, and the like. */
    detail: string | null;
    schedules: Schedule[];
}
/** A timed call to a workspace's runtime. */
export interface Schedule {
    every: string;
    path: string;
    lastAt: string | null;
    lastOk: boolean | null;
}
/** Everything that this app keeps current, as `apps()` gives it. App pages only. */
export interface Apps {
    /** Larger than that of every earlier one of this run. */
    seq: number;
    platform: Platform;
    /** Which workspace the main window shows. */
    shown: Place;
    /** The main one first. */
    apps: Status[];
}
export interface Platform {
    os: string;
    arch: string;
    /** The app's own version, which updates of runtimes do not change. */
    shell: string;
    node: string | null;
    /** The user-data folder: its name, and its path. */
    dataName: string;
    dataPath: string;
}
/** A workspace of a runtime. */
export interface Place {
    app: string;
    workspace: string;
}
/** What an upgrade came to. */
export interface Upgraded {
    from: string | null;
    to: string | null;
    outcome: 'upgraded' | 'up-to-date' | 'fell-back' | 'held' | 'staged';
    /** In words. */
    reason: string;
    /** What happened in each workspace, `main` first; none where nothing was restarted. */
    workspaces: UpgradedWorkspace[];
}
export interface UpgradedWorkspace {
    name: string;
    from: string | null;
    to: string | null;
    state: Workspace['state'];
    detail: string | null;
}
export interface Running {
    version: string;
    source: 'pointer' | 'previous' | 'bundled' | 'development';
    url: string;
    since: string;
    /** Whether its trial is still on. */
    trial: boolean;
    /** Another one after each restart and each swap. */
    launchId: string;
}
/** A version that waits for a restart. */
export interface Staged {
    version: string;
    stagedAt: string;
    /** What its publisher says of it: plain text, at most 4,000 characters. */
    notes: string | null;
    /** Why it is not started. Such a version is not offered. */
    blocked: {
        reason: BlockReason;
        message: string;
    } | null;
}
/** Whoever asks may start what is `held` or `withdrawn` all the same, and nothing else. */
export type BlockReason = 'recalled' | 'held' | 'withdrawn' | 'expired' | 'not-signed' | 'unheard' | 'contract';
/**
 * Why this device does or does not have the newest version, and when it will. For pages that a
 * person opens to look: nothing in it is to be offered before its time.
 */
export interface Rollout {
    /** Who says which version is the newest. */
    mode: 'registry' | 'manifest' | 'tuf';
    /** `REFIT_EXPERIMENTAL`: this device does not wait for its turn. */
    experimental: boolean;
    /** The one version that this device is to have. */
    pinned: string | null;
    /** The version that the manifest names. */
    version: string | null;
    /** What the last check came to, with its reason's code and in words. */
    decision: 'stage' | 'hold' | 'none' | null;
    reason: string | null;
    message: string | null;
    /** This device's bucket for `version`, 0 to 99. */
    bucket: number | null;
    /** How long it waits after the publication. */
    delaySeconds: number | null;
    /** When its turn is, or was; null where that is always. */
    eligibleAt: string | null;
    /** What devices may have meanwhile. */
    stable: string | null;
    /** Versions that must no longer run. */
    recalled: string[];
    /** When the manifest was last found to be what its host says. */
    verifiedAt: string | null;
    /** From when nothing new is started on its word. */
    expires: string | null;
    expired: boolean;
    /** Why nothing newer was heard, in words. */
    trouble: string | null;
}
export interface PassedOver {
    /** The version that was passed over. */
    from: string;
    /** The version that runs. */
    to: string;
    reason: BlockReason;
    message: string;
    at: string;
    /** Whether no earlier launch passed it over for the same reason. */
    firstTime: boolean;
}
/** What a rollout said to a check. Fields that no rollout gave are missing. */
export interface RolloutFacts {
    bucket?: number;
    delaySeconds?: number;
    eligibleAt?: string;
    /** Whether a manifest decided, and not the registry's tag. */
    fromManifest: boolean;
    /** Whether this device was let past its turn: by a person, a switch or the publisher. */
    bypassed: boolean;
    /** Why the publisher's word is not fresh: what was heard before counted. */
    trouble?: Problem;
}
export interface LastCheck extends RolloutFacts {
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
export interface CheckReport extends RolloutFacts {
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
    /** Why the publisher's word is not fresh: what was heard before counted. */
    trouble?: Problem;
}
export interface Progress {
    version: string;
    phase: 'downloading' | 'verifying' | 'staging' | 'rehearsing';
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
    event: 'staged' | 'applied' | 'confirmed' | 'fell-back' | 'rolled-back' | 'forgiven' | 'rehearsed' | 'rehearsal-failed' | 'rehearsal-skipped' | 'damaged' | 'mended' | 'contract-unmet' | 'snapshot' | 'put-back' | 'upgraded' | 'workspace-dead';
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
/** `runtime:upgraded`: one workspace runs another version than before. */
export interface WorkspaceUpgraded {
    app: string;
    workspace: string;
    from: string | null;
    to: string;
}
/** `runtime:workspace-dead`: nothing runs in one workspace any more. */
export interface WorkspaceDead {
    app: string;
    workspace: string;
    detail: string;
}
/** Makes a `Problem` of whatever an invoke was rejected with. */
export declare function toProblem(error: unknown): Problem;
