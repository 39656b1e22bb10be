import type { FieldCheck } from './field-checks.ts';
import type { ReadAscii } from './texts.ts';

/** What the lent events of one decoder have in common. */
export interface Lent {
  /**
   * An event without fields: all are of one class, so that V8 knows them at a glance whatever their layout. Without an id of its own
   * (`isIdLater`) it reads that from its bytes.
   */
  create(isIdLater: boolean): object;
  /** Where the id of the event at hand stands, as plain ASCII. */
  bytes: Uint8Array;
  idStart: number;
  idEnd: number;
  /** By field, see `Texts.slot`: of the last text that was read there. */
  readonly hints: Record<string, number>;
}

/** `id` is read when it is asked for, which for most events is never. */
export function createLent(readAscii: ReadAscii): Lent {
  class LentEvent {
    get id(): string {
      return readAscii(lent.bytes, lent.idStart, lent.idEnd);
    }

    /** Where the id stands, for who needs no string of it. */
    get idBytes(): Lent {
      return lent;
    }

    /** By field a number that is mostly the same for the same text, and says nothing by itself. */
    get hints(): Record<string, number> {
      return lent.hints;
    }

    /** That of the key. */
    get keyHint(): number {
      return hints.key;
    }
  }
  const hints = { key: -1 };
  const lent: Lent = {
    create: (isIdLater) => (isIdLater ? new LentEvent() : {}),
    bytes: new Uint8Array(0),
    idStart: 0,
    idEnd: 0,
    hints,
  };
  return lent;
}

/** A field of an event: what the layout says, what was read, or what is read when it is asked for. */
export interface Made {
  readonly name: string;
  readonly kind: FieldCheck['kind'] | 'later';
  readonly value: string;
}

/** Source text that makes the one object of a layout, and that fills it and gives it. */
export function filling(made: readonly Made[]): { readonly before: string; readonly after: string } {
  const isLater = made.some(({ kind }) => kind === 'later');
  // In one order, whatever the layout's: so layouts with the same fields have one hidden class.
  const own = made.filter(({ kind }) => kind !== 'later').sort((a, b) => (a.name < b.name ? -1 : 1));
  const set = (name: string, value: string): string => `event[${JSON.stringify(name)}] = ${value};`;
  const first = own.map(({ name, kind, value }) => set(name, kind === 'constant' ? value : atFirst(name, kind)));
  const fills = own.filter(({ kind }) => kind !== 'constant').map(({ name, value }) => set(name, value));
  const place = isLater ? 'lent.bytes = b; lent.idStart = idStart; lent.idEnd = idEnd;' : '';
  return {
    before: `const event = lent.create(${isLater}); ${first.join(' ')}`,
    after: `${place} ${fills.join(' ')} return event;`,
  };
}

/** Of the kind that comes, so that V8 need not change its mind. */
function atFirst(name: string, kind: Made['kind']): string {
  if (kind === 'text') return "''";
  if (kind === 'boolean') return 'false';
  // A double, which is then kept in place.
  return name === 'eventTimeMs' ? '0.5' : '0';
}
