/** Statuses of one runtime, in their order: an older one never replaces a newer one. */
import type { Status } from './types';
export declare class Newest {
    #private;
    constructor(handler: (status: Status) => void);
    /** The answer to a question of this page's own: its runtime is the one that counts. */
    begin(status: Status): void;
    /** What every window is told. */
    hear(status: Status): void;
    end(): void;
}
