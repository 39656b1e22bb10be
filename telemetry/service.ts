/** What runs for long inside a millrace process: able to stop, lag and restart alone. */
export interface Service {
  /** Resolves when it is running; rejects when it cannot start now. */
  start(): Promise<void>;
  /** Finishes what it has taken, commits, stops. Bounded in time by the service itself. Idempotent. */
  drain(): Promise<void>;
  status(): ServiceStatus;
}

export interface ServiceStatus {
  /** `parked`: needs an operator's word, a neighbour's trouble is not its own; `failed`: will be restarted. */
  readonly state: 'starting' | 'running' | 'parked' | 'failed' | 'stopped';
  /** For a person: why it is not running. */
  readonly detail?: string;
  /** Alive but reading nothing; absent: not known yet, or nothing that could stall. */
  readonly isStalled?: boolean;
}
