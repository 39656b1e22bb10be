// Numbers in a typed array that grows. Pure. Redelivery: no state.

/** The same with room for `length` at least: doubled until it is enough, which is 0 where it was not. */
export function roomFor<T extends Int32Array | Float64Array>(numbers: T, length: number): T {
  if (length <= numbers.length) return numbers;
  let room = 2 * numbers.length;
  while (room < length) room *= 2;
  const larger = new (numbers.constructor as new (length: number) => T)(room);
  larger.set(numbers);
  return larger;
}
