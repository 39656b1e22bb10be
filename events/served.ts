import { z } from 'zod';
import { envelopeFields, idField, timeField } from './fields.ts';

/** Items of one served list, at most. */
export const servedItemsMax = 100;

/** A list that somebody was shown. Topic `interactions`, key = `userId`. Its event time is that of the list: what was shown says nothing about how far event time has come. */
export const servedV1 = z.object({
  ...envelopeFields('served', 1),
  /** What a click or purchase that came of it carries. */
  attributionId: idField,
  userId: idField,
  /** What the first of its items was found by. */
  list: z.enum(['trending', 'co_visited', 'personal']),
  /** Best first. */
  items: z.array(idField).max(servedItemsMax),
  /** When it was shown, by the server's clock. */
  atMs: timeField,
});

/** The newest version: what pipelines see. */
export type Served = z.infer<typeof servedV1>;
