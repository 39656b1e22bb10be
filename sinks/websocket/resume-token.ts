// What a client gives back to go on from where it stopped: opaque to it, good for one gateway, one build of the channel, and the
// same channel and parameters. It grants nothing: the subscription is judged as any other.

export interface ResumePoint {
  readonly instance: string;
  readonly generation: number;
  readonly seq: number;
  /** Channel and parameters, as one text. */
  readonly params: string;
}

export function resumeToken({ instance, generation, seq, params }: ResumePoint): string {
  return `${instance}.${generation}.${seq}.${fnv(params)}`;
}

export type JudgedToken =
  | { readonly kind: 'ok'; readonly generation: number; readonly seq: number }
  | { readonly kind: 'refused'; readonly reason: 'other_instance' | 'other_params' };

/** Tokens that nobody here has made are taken for another instance's. */
export function judgeToken(token: string, expected: Pick<ResumePoint, 'instance' | 'params'>): JudgedToken {
  const [instance, generation, seq, hash] = token.split('.');
  const numbers = [Number(generation), Number(seq)] as const;
  if (instance !== expected.instance || !numbers.every(Number.isSafeInteger))
    return { kind: 'refused', reason: 'other_instance' };
  if (hash !== fnv(expected.params)) return { kind: 'refused', reason: 'other_params' };
  return { kind: 'ok', generation: numbers[0], seq: numbers[1] };
}

/** FNV-1a, 32 bits: tells honest mistakes apart. */
function fnv(text: string): string {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return (hash >>> 0).toString(16);
}
