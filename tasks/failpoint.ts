/** Where a test may stop, delay or kill the process. Called at these places in this order of an entry's life. */
export type FailpointName =
  | 'in-assign'
  | 'after-claim'
  | 'after-append'
  | 'after-read-back'
  | 'after-fold'
  | 'mid-output'
  | 'after-output'
  | 'mid-snapshot'
  | 'after-snapshot'
  | 'in-revoke';

export type Failpoint = (name: FailpointName) => void | Promise<void>;

/** Outside tests nothing happens there. */
export const noFailpoint: Failpoint = () => {};
