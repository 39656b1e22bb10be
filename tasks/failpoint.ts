/** Where a test may stop, delay or kill the process. Called at these places in this order of an entry's life. */
export const failpointNames = [
  'in-assign',
  'after-claim',
  'after-append',
  'after-read-back',
  'after-fold',
  'mid-output',
  'after-output',
  'mid-snapshot',
  'after-snapshot',
  'in-revoke',
] as const;
export type FailpointName = (typeof failpointNames)[number];

export type Failpoint = (name: FailpointName) => void | Promise<void>;

/** Outside tests nothing happens there. */
export const noFailpoint: Failpoint = () => {};

/**
 * Does something once, at the n-th passing of one place: `after-append:3`, or `after-append` for the first. What a harness puts
 * into `MILLRACE_FAILPOINT` of the process that it wants to die there. Throws a RangeError for another text.
 */
export function failpointAt(spec: string, act: () => void | Promise<void>): Failpoint {
  const [place = '', times = '1'] = spec.split(':');
  const wanted = failpointNames.find((name) => name === place);
  if (!wanted || !/^[1-9]\d{0,8}$/.test(times))
    throw new RangeError(`${spec}: a failpoint is one of ${failpointNames.join(', ')}, and :n for its n-th passing`);
  let left = Number(times);
  return (name) => (name === wanted && --left === 0 ? act() : undefined);
}
