import { type AnyEvent, type Catalog, catalog, type EventType } from '../catalog.ts';
import { type DecodeOutcome, decodeEvent, upcast } from '../decode.ts';
import { compileLayout, type LayoutDecoder } from './compile.ts';
import { type FieldCheck, fieldChecksOf } from './field-checks.ts';
import { createLent, type Lent } from './lent.ts';
import { layoutOf, signatureOf } from './layout.ts';
import { type ReadAscii, Texts } from './texts.ts';

/** Of these types only these fields (and the envelope) are wanted; of a type that is not named, all. */
export type FieldsRead = Readonly<Record<string, readonly string[]>>;

export interface DecoderOptions {
  readonly readAscii: ReadAscii;
  readonly fieldsRead?: FieldsRead | undefined;
  /** The event types that there are; millrace's own by default. */
  readonly types?: Catalog | undefined;
  /** Events and outcomes are good until the next `decode`: the same objects are filled again, which spares most of the memory. */
  readonly lends?: boolean;
}

export interface EventDecoder {
  /** As `decodeEvent`, but for declared fields that nobody reads, which may be missing. */
  decode(bytes: Uint8Array, start: number, end: number): DecodeOutcome;
  /** Records since the start that a compiled decoder took, and those that were parsed. */
  counts(): { readonly compiled: number; readonly parsed: number };
}

const LAYOUTS_MAX = 16;
/** Layouts that may be compiled at once, and for how many records one more is earned: nobody can make us compile for ever. */
const COMPILES_AT_FIRST = 64;
const RECORDS_A_COMPILE = 1_000;
/** Between two looks at events that teach nothing: at most 2 to this power. */
const VAIN_MAX = 10;
const envelope: readonly string[] = ['id', 'type', 'version', 'source', 'eventTimeMs', 'key'];

/**
 * Decodes events by the byte layouts that it has seen: for each, a decoder is compiled that expects exactly these bytes between
 * the values. Any surprise (escape, other order, extra field, exponent, beyond ASCII, duplicate key, invalid value) goes to
 * `decodeEvent`, so the answer is never another one.
 */
export function createDecoder(options: DecoderOptions): EventDecoder {
  return new CompiledDecoder(options);
}

interface Learned {
  readonly decode: LayoutDecoder;
  readonly signature: string;
  /** Set where the event is of an older version. */
  readonly upcastOf: EventType | null;
  hits: number;
}

class CompiledDecoder implements EventDecoder {
  private readonly lent: Lent | undefined;
  private readonly lentOutcome: { kind: 'event'; event: AnyEvent } = { kind: 'event', event: null as never };
  private readonly options: DecoderOptions;
  private readonly types: Catalog;
  /** Those with more hits rather before the others. */
  private readonly layouts: Learned[] = [];
  private readonly checksOf = new Map<string, ReadonlyMap<string, FieldCheck | null> | null>();
  private readonly texts = new Map<string, Texts>();
  private view: DataView = new DataView(new ArrayBuffer(0));
  private viewed: Uint8Array | undefined;
  private compiled = 0;
  private parsed = 0;
  private compiles = 0;
  /** Events that were parsed and taught nothing, in a row; so many more are not looked at. */
  private vain = 0;
  private restLeft = 0;

  constructor(options: DecoderOptions) {
    this.options = options;
    this.types = options.types ?? catalog;
    this.lent = options.lends ? createLent(options.readAscii) : undefined;
  }

  decode(bytes: Uint8Array, start: number, end: number): DecodeOutcome {
    const { layouts } = this;
    for (let i = 0; i < layouts.length; i++) {
      const layout = layouts[i] as Learned;
      const event = layout.decode(bytes, start, end);
      if (event === null) continue;
      this.compiled++;
      layout.hits++;
      if (i > 0 && layout.hits > (layouts[i - 1] as Learned).hits) this.forward(i);
      const newest = layout.upcastOf ? upcast(layout.upcastOf, event) : event;
      if (!this.options.lends) return { kind: 'event', event: newest };
      this.lentOutcome.event = newest;
      return this.lentOutcome;
    }
    this.parsed++;
    const outcome = decodeEvent(bytes, start, end, this.types);
    if (outcome.kind === 'event') this.learnAtTimes(bytes, start, end);
    return outcome;
  }

  counts(): { readonly compiled: number; readonly parsed: number } {
    const { compiled, parsed } = this;
    return { compiled, parsed };
  }

  /** One view serves all records of a batch. */
  private readonly viewOf = (bytes: Uint8Array): DataView => {
    if (bytes !== this.viewed) {
      this.viewed = bytes;
      this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    }
    return this.view;
  };

  private forward(i: number): void {
    const { layouts } = this;
    [layouts[i - 1], layouts[i]] = [layouts[i] as Learned, layouts[i - 1] as Learned];
  }

  /** A topic that no decoder can be compiled for costs hardly more than parsing it. */
  private learnAtTimes(bytes: Uint8Array, start: number, end: number): void {
    if (this.restLeft > 0) {
      this.restLeft--;
      return;
    }
    const isOverBudget = this.compiles >= COMPILES_AT_FIRST + (this.compiled + this.parsed) / RECORDS_A_COMPILE;
    if (!isOverBudget && this.learn(bytes, start, end)) {
      this.vain = 0;
      return;
    }
    this.vain = Math.min(this.vain + 1, VAIN_MAX);
    this.restLeft = (1 << this.vain) - 2;
  }

  /** From a valid event: its bytes are JSON. Whether a decoder came of it. */
  private learn(bytes: Uint8Array, start: number, end: number): boolean {
    const layout = layoutOf(this.options.readAscii(bytes, start, end));
    if (!layout) return false;
    const value = (field: string): string => layout.fields.find(({ name }) => name === field)?.value ?? '';
    const type = this.types.get(value('type').slice(1, -1));
    const version = type?.versions[Number(value('version')) - 1];
    if (!type || !version) return false;
    const family = `${type.type} ${version.version}`;
    if (!this.checksOf.has(family)) this.checksOf.set(family, fieldChecksOf(version));
    const checks = this.checksOf.get(family);
    if (!checks) return false;
    const signature = signatureOf(layout, (name) => checks.get(name)?.kind === 'constant');
    if (this.layouts.some((known) => known.signature === signature)) return false;
    this.compiles++;
    const isOld = version.upcast !== null;
    const wanted = isOld ? undefined : this.options.fieldsRead?.[type.type];
    const isRead = (name: string): boolean => !wanted || wanted.includes(name) || envelope.includes(name);
    const decode = compileLayout({
      ...{ layout, checks, isRead, viewOf: this.viewOf, readAscii: this.options.readAscii },
      // Upcasters may copy what an event has of its own, and a lent one has no id of its own.
      lent: isOld ? undefined : this.lent,
      textsOf: (name) => this.textsOf(family, name, checks.get(name)),
    });
    if (!decode) return false;
    this.add({ decode, signature, upcastOf: isOld ? type : null, hits: 0 });
    return true;
  }

  /** The one that served least since the last time makes room. */
  private add(learned: Learned): void {
    if (this.layouts.length >= LAYOUTS_MAX) {
      let least = 0;
      for (let i = 1; i < this.layouts.length; i++)
        if ((this.layouts[i] as Learned).hits < (this.layouts[least] as Learned).hits) least = i;
      this.layouts.splice(least, 1);
      for (const layout of this.layouts) layout.hits = 0;
    }
    this.layouts.push(learned);
  }

  /** Of a field that is only checked by its length the strings are shared by all types: keys are the same in all. */
  private textsOf(family: string, name: string, check: FieldCheck | null | undefined): Texts {
    const accepts = check?.kind === 'text' ? check.accepts : null;
    const id = accepts ? `${family} ${name}` : name;
    const known = this.texts.get(id);
    if (known) return known;
    const made = new Texts(this.options.readAscii, accepts);
    this.texts.set(id, made);
    return made;
  }
}
