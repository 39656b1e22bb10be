/** The numbers of the session output under test. */
export interface SessionRules {
  readonly output: string;
  readonly gapMs: number;
  readonly reachMs: number;
  readonly allowedLatenessMs: number;
}

/** A row of a session: `amounts` null is a tombstone. */
export interface SessionRow {
  readonly key: string;
  readonly startMs: number;
  readonly endMs: number;
  readonly state: 'provisional' | 'final' | 'corrected' | 'tombstone';
  readonly amounts: readonly number[] | null;
}

interface Span {
  readonly key: string;
  readonly startMs: number;
  readonly endMs: number;
  readonly amounts: readonly number[];
  readonly isEnded: boolean;
  readonly isChanged: boolean;
}

/** What was published under a start. */
interface Shown {
  readonly key: string;
  readonly startMs: number;
  readonly endMs: number;
  readonly isFinal: boolean;
  /** Taken back already where provisional rows are read. */
  readonly isHidden: boolean;
}

type Emit = (row: SessionRow) => void;

/**
 * Sessions as design and docs/decisions/0021 say, by looking at all there is for every event: spans that overlap become one, and a
 * row whose start lies inside a session that begins elsewhere is taken back by the row that replaces it.
 */
export class OracleSessions {
  readonly #rules: SessionRules;
  #spans: Span[] = [];
  #shown: Shown[] = [];

  constructor(rules: SessionRules) {
    this.#rules = rules;
  }

  hasOpen(): boolean {
    return this.#spans.some(({ isEnded, isChanged }) => !isEnded || isChanged);
  }

  /** False: it came too late. */
  take(key: string, timeMs: number, amount: number, watermarkMs: number, emit: Emit): boolean {
    const { gapMs, reachMs, allowedLatenessMs } = this.#rules;
    this.drop(watermarkMs, emit);
    const goneMs = watermarkMs - allowedLatenessMs;
    const joins = (span: Span): boolean => span.key === key && span.startMs < timeMs + gapMs && span.endMs > timeMs;
    const joined = this.#spans.filter(joins);
    if (timeMs + reachMs <= goneMs || (joined.length === 0 && timeMs + gapMs <= goneMs)) return false;
    const endMs = Math.max(timeMs + gapMs, ...joined.map((span) => span.endMs));
    // It has ended if the part that gives it its end had.
    const last = joined.find((span) => span.endMs === endMs);
    this.#spans = this.#spans.filter((span) => !joins(span));
    this.#spans.push({
      ...{ key, endMs, isEnded: last?.isEnded ?? false, isChanged: true },
      startMs: Math.min(timeMs, ...joined.map((span) => span.startMs)),
      amounts: [...joined.flatMap((span) => span.amounts), amount],
    });
    return true;
  }

  publish(upToMs: number, isStep: boolean, emit: Emit): void {
    this.#spans = this.#spans.map((span) => {
      if (span.isEnded ? span.isChanged : span.endMs <= upToMs) return this.#end(span, emit);
      return isStep && span.isChanged && !span.isEnded ? this.#show(span, emit) : span;
    });
  }

  /** Forgets what takes no more events. */
  drop(watermarkMs: number, emit: Emit): void {
    const isGone = ({ endMs }: Span): boolean => endMs + this.#rules.allowedLatenessMs <= watermarkMs;
    for (const span of this.#spans.filter(isGone)) {
      if (!span.isEnded || span.isChanged) this.#end(span, emit);
      this.#shown = this.#shown.filter((shown) => !isIn(span, shown));
    }
    this.#spans = this.#spans.filter((span) => !isGone(span));
  }

  #end(span: Span, emit: Emit): Span {
    for (const shown of this.#replacedBy(span)) emit({ ...shown, state: 'tombstone', amounts: null });
    const own = this.#shownAs(span);
    emit({ ...span, state: own?.isFinal ? 'corrected' : 'final' });
    this.#shown = this.#shown.filter((shown) => !isIn(span, shown));
    this.#shown.push({ ...span, isFinal: true, isHidden: false });
    return { ...span, isEnded: true, isChanged: false };
  }

  #show(span: Span, emit: Emit): Span {
    const replaced = this.#replacedBy(span);
    for (const shown of replaced) if (!shown.isHidden) emit({ ...shown, state: 'tombstone', amounts: null });
    const own = this.#shownAs(span);
    emit({ ...span, state: 'provisional' });
    this.#shown = this.#shown.filter((shown) => !isIn(span, shown));
    // What was told as final is taken back by a final row only.
    for (const shown of replaced) if (shown.isFinal) this.#shown.push({ ...shown, isHidden: true });
    this.#shown.push({ ...span, isFinal: own?.isFinal ?? false, isHidden: false });
    return { ...span, isChanged: false };
  }

  #replacedBy(span: Span): Shown[] {
    return this.#shown.filter((shown) => isIn(span, shown) && shown.startMs !== span.startMs);
  }

  #shownAs(span: Span): Shown | undefined {
    return this.#shown.find((shown) => isIn(span, shown) && shown.startMs === span.startMs);
  }
}

const isIn = (span: Span, { key, startMs }: Shown): boolean =>
  key === span.key && startMs >= span.startMs && startMs < span.endMs;
