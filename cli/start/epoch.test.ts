import { describe, expect, it } from 'vitest';
import { chooseEpoch } from './epoch.ts';

describe('chooseEpoch', () => {
  it('opens epoch 0 where nothing was seen, and the next one on a fresh broker', () => {
    expect(chooseEpoch(-1, true)).toEqual({ current: 0, openNew: true });
    expect(chooseEpoch(4, true)).toEqual({ current: 5, openNew: true, previous: { epoch: 4 } });
  });

  it('goes on in the highest epoch seen on a broker that was there before', () => {
    expect(chooseEpoch(-1, false)).toEqual({ current: 0, openNew: false });
    expect(chooseEpoch(4, false)).toEqual({ current: 4, openNew: false });
  });
});
