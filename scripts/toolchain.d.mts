/** On Debian and Ubuntu this brings all that building the Kafka clients takes. */
export declare const aptLine: string;
/** Programs and headers that are missing. */
export declare function missingTools(): readonly string[];
/** Where Node's own headers are, or null. */
export declare function nodeHeaders(): string | null;
