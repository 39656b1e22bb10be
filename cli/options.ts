/** What `millrace start` was asked for. */
export interface StartOptions {
  /** The file after --config, or what stands for it (`configFileOf`); absent: defaults and the environment alone. */
  readonly configFile?: string | undefined;
  /** Services to run (`--only a,b`); absent: all. Unknown names are a usage error, which the start reports. */
  readonly only?: readonly string[] | undefined;
  /** `--demo` true, `--no-demo` false, absent: as `generator.enabled` says. */
  readonly isDemo?: boolean | undefined;
}

/** What the program ends with. */
export const exitCodes = {
  ok: 0,
  failed: 1,
  wrongUsage: 2,
  /** The embedded broker died: what was not yet in ClickHouse is gone (EX_SOFTWARE). */
  brokerLost: 70,
  /** The configuration cannot be used (EX_CONFIG). */
  badConfig: 78,
} as const;

/** Wrong usage that only a command itself can see, e.g. an unknown service after --only: one line, exit 2. */
export class UsageError extends Error {}
