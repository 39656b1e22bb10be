/** Characters that JSON gives a meaning to come more often than others. */
const telling = [...'"\\{}[],:.-+eE019 \t\n\u0000\u007fé😀tfnul'];
const numbers = ['-0', '00', '1.0', '1e3', '-1', '0.1', '1.5', '1E-7', '0.0000001', '4294967296', '123456789012345678'];

/** A JSON object's text with one thing changed somewhere: most often no JSON any more, or not what it was. `random`: below a bound. */
export function mutatedJson(text: string, random: (below: number) => number): string {
  const at = random(text.length + 1);
  const to = at + random(12);
  const piece = telling[random(telling.length)] as string;
  const members = text.slice(1, -1).split(',');
  const [one, other] = [random(members.length), random(members.length)];
  switch (random(9)) {
    case 0:
      return text.slice(0, at) + text.slice(to);
    case 1:
      return text.slice(0, at) + piece + text.slice(at);
    case 2:
      return text.slice(0, at) + piece + text.slice(at + 1);
    case 3:
      return text.slice(0, at) + text.slice(at, to) + text.slice(at);
    case 4:
      return text.slice(0, at);
    case 5:
      [members[one], members[other]] = [members[other] as string, members[one] as string];
      return `{${members.join(',')}}`;
    case 6:
      members.splice(one, random(2), members[other] as string);
      return `{${members.join(',')}}`;
    case 7:
      members.splice(one, 1);
      return `{${members.join(',')}}`;
    default:
      return text.replace(/\d+/g, (digits) => (random(5) === 0 ? otherNumber(random) : digits));
  }
}

const otherNumber = (random: (below: number) => number): string =>
  random(3) === 0 ? '9'.repeat(random(20)) : (numbers[random(numbers.length)] as string);
