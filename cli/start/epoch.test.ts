import { describe, expect, it } from 'vitest';
import { chooseEpoch } from './epoch.ts';

describe('chooseEpoch', () => {
  it('opens epoch 0 where nothing was seen, and the next one on a fresh broker', () => {
    const none = { highest: -1, archived: -1 };
    expect(chooseEpoch(none, true)).toEqual({ current: 0, incarnation: 0, openNew: true });
    const fresh = { current: 5, incarnation: 5, openNew: true, previous: { epoch: 4 } };
    expect(chooseEpoch({ highest: 4, archived: 4 }, true)).toEqual(fresh);
    expect(chooseEpoch({ highest: 4, archived: 2 }, true)).toEqual(fresh);
  });

  it('goes on in the highest epoch seen on a broker that was there before', () => {
    const going = { openNew: false, incarnation: 0 };
    expect(chooseEpoch({ highest: -1, archived: -1 }, false)).toEqual({ ...going, current: 0 });
    expect(chooseEpoch({ highest: 4, archived: 0 }, false)).toEqual({ ...going, current: 4 });
  });
});
