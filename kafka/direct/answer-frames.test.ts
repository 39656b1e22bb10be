import fc from 'fast-check';
import { expect, test } from 'vitest';
import { AnswerFrames, FrameError, type AnswerTaker } from './answer-frames.ts';

/** As a broker sends an answer. */
function framed(correlationId: number, answer: Uint8Array): Buffer {
  const head = Buffer.alloc(8);
  head.writeInt32BE(4 + answer.length, 0);
  head.writeInt32BE(correlationId, 4);
  return Buffer.concat([head, answer]);
}

const answers = fc.array(fc.uint8Array({ maxLength: 40_000, size: 'max' }), { minLength: 1, maxLength: 6 });
const pieces = fc.infiniteStream(fc.integer({ min: 1, max: 30_000 }));

function collecting(): { taker: AnswerTaker; got: (readonly [number, Buffer])[] } {
  const got: (readonly [number, Buffer])[] = [];
  const taker: AnswerTaker = {
    room: (_id, length) => Buffer.alloc(length),
    whole: (id, answer) => void got.push([id, answer]),
  };
  return { taker, got };
}

test('answers are whole however they come: into memory of theirs, or in pieces of another', () => {
  fc.assert(
    fc.property(answers, pieces, fc.infiniteStream(fc.boolean()), (sent, sizes, kinds) => {
      const { taker, got } = collecting();
      const frames = new AnswerFrames(taker);
      const stream = Buffer.concat(sent.map((answer, i) => framed(i, answer)));
      for (let at = 0; at < stream.length;) {
        const target = frames.target();
        expect(target.length).toBeGreaterThan(0);
        const isDirect = kinds.next().value;
        const size = Math.min(sizes.next().value, stream.length - at, isDirect ? target.length : Infinity);
        if (isDirect) frames.filled(stream.copy(target, 0, at, at + size));
        else frames.take(stream.subarray(at, at + size));
        at += size;
      }
      expect(got.map(([id]) => id)).toEqual(sent.map((_, i) => i));
      got.forEach(([, answer], i) => expect(answer.equals(sent[i] as Uint8Array)).toBe(true));
    }),
    { numRuns: 60 },
  );
});

test('the rest of a long answer is read into its own memory', () => {
  const room = Buffer.alloc(100_000);
  const frames = new AnswerFrames({ room: () => room, whole: () => {} });
  frames.filled(framed(1, room).copy(frames.target(), 0, 0, 1_000));
  expect(frames.target().buffer).toBe(room.buffer);
  expect(frames.target().byteOffset).toBe(room.byteOffset + 1_000 - 8);
});

test('what nobody asked for, and what is no answer, is refused', () => {
  const refusing = new AnswerFrames({ room: () => null, whole: () => {} });
  expect(() => refusing.take(framed(7, Buffer.alloc(3)))).toThrow(FrameError);
  const frames = new AnswerFrames(collecting().taker);
  expect(() => frames.take(Buffer.from('HTTP/1.1 400 Bad Request').fill(0xff, 0, 4))).toThrow(FrameError);
});
