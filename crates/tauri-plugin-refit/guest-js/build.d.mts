export declare const here: string
export declare const OUTPUTS: Record<string, unknown>
export declare function bundle(name: string): Promise<string>
