import { expect, test } from 'vitest';
import { textOf, toCsv } from './csv.ts';

test('text is quoted where it must be, null is empty, lists are JSON', () => {
  const rows = [
    [1, 'a,b', null, [1, 'x']],
    ['-5', 'say "hi"\n', true, { k: 1 }],
  ];
  expect(toCsv(['n', 'a "b"', 'c', 'd'], rows)).toBe(
    'n,"a ""b""",c,d\r\n1,"a,b",,"[1,""x""]"\r\n-5,"say ""hi""\n",true,"{""k"":1}"\r\n',
  );
});

test('what a spreadsheet would take for a formula is text', () => {
  expect(toCsv(['a'], [['=1+1'], ['@x'], ['-cmd'], ['-1.5'], ['+1']])).toBe(
    "a\r\n'=1+1\r\n'@x\r\n'-cmd\r\n-1.5\r\n'+1\r\n",
  );
});

test('a cell is shown as the text that it is', () => {
  expect([null, 0, '', false, ['a']].map(textOf)).toEqual(['', '0', '', 'false', '["a"]']);
});
