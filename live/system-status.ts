/** The process's own account of itself: the one row (identity `status`) of the channel `system`, pushed every second. */
export interface SystemStatus {
  /** The server's clock when it was made. */
  readonly clockMs: number;
  readonly services: readonly ServiceLine[];
  readonly stages: readonly StageLine[];
  readonly partitions: readonly PartitionLine[];
  readonly pipelines: readonly PipelineLine[];
  readonly eventsPerSecond: number;
  readonly totals: {
    readonly deadLetters: number;
    readonly late: number;
    readonly duplicates: number;
    readonly quarantined: number;
    /** Records of the event topics up to where the slowest pipeline has read them, where known. */
    readonly events?: number;
  };
}

export interface ServiceLine {
  readonly name: string;
  readonly state: 'starting' | 'running' | 'parked' | 'failed' | 'stopped';
  readonly detail?: string;
}

/** One step of the journey of an event. */
export interface StageLine {
  readonly name: string;
  readonly perSecond: number;
  readonly total: number;
  readonly errors: number;
}

/** How far the reading of one input partition is behind its end. */
export interface PartitionLine {
  /** `payments-3`. */
  readonly partition: string;
  /** Records between the position and the end. */
  readonly lag: number;
  /** Highest event time read; null before the first record. */
  readonly positionTimeMs: number | null;
  /** Decimal text. */
  readonly nextOffset?: string;
  /** Decimal text. */
  readonly endOffset?: string;
}

/** Where a task stands in event time, and its counts since its first entry. */
export interface PipelineLine {
  readonly name: string;
  readonly version: number;
  readonly shard: number;
  readonly state: ServiceLine['state'];
  /** Null before there is one. */
  readonly watermarkMs: number | null;
  readonly lagRecords: number;
  /** `in`, `folded`, `duplicate`, `late`, `deadLettered`, `quarantined`, `ignored`, … */
  readonly counters: Readonly<Record<string, number>>;
}
