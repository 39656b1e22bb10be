/** Card and payment of an alert: `lat-<phase>-<due>-<number>`; the category is what its rule asks for. */
export const alertMark = 'lat';
export const alertCategory = 'bench-alert';

/** When it was due, of a card or payment of this phase; null of any other. */
export function dueOf(id: string, phase: string): number | null {
  const [mark, of, due] = id.split('-');
  return mark === alertMark && of === phase && due !== undefined ? Number(due) : null;
}
