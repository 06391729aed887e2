import fc from 'fast-check';
import { csvRecords, textLines, type TextRecord } from './text-records';

async function* inChunks(text: string, size: number): AsyncGenerator<string> {
  for (let at = 0; at < text.length; at += size) yield await Promise.resolve(text.slice(at, at + size));
}

async function read(
  text: string,
  size = text.length + 1,
  records: (chunks: AsyncIterable<string>) => AsyncIterable<readonly TextRecord[]> = (chunks) =>
    csvRecords(chunks, ','),
): Promise<readonly TextRecord[]> {
  const found: TextRecord[] = [];
  for await (const group of records(inChunks(text, size))) found.push(...group);
  return found;
}

const row = (line: number, ...fields: string[]): TextRecord => ({ line, fields });
const broken = (line: number, problem: string): TextRecord => ({ line, fields: [], problem });

describe('the rows of CSV', () => {
  it.each<[what: string, text: string, rows: readonly TextRecord[]]>([
    ['any line end', 'a,b\r\nc,d\re,f\ng,h', [row(1, 'a', 'b'), row(2, 'c', 'd'), row(3, 'e', 'f'), row(4, 'g', 'h')]],
    ['no blank lines', '\na\r\n\r\n  \nb\n', [row(2, 'a'), row(5, 'b')]],
    ['empty fields', ',\n"",b\n', [row(1, '', ''), row(2, '', 'b')]],
    [
      'quotes, delimiters and line ends in quotes',
      '"a ""b"", c","d\r\ne"\nf,g',
      [row(1, 'a "b", c', 'd\r\ne'), row(3, 'f', 'g')],
    ],
    ['a quote within a field as it is', 'a 5" pipe,b\n', [row(1, 'a 5" pipe', 'b')]],
  ])('have %s', async (_what, text, rows) => {
    for (const size of [1, 2, 3, text.length]) expect(await read(text, size)).toEqual(rows);
  });

  it('lose one line to a quote that is not closed', async () => {
    const text = 'a,b\nc,"d\ne,"f, g"\nh,i\n';
    const rows = [
      row(1, 'a', 'b'),
      broken(2, 'text follows the closing quote of field 2'),
      row(3, 'e', 'f, g'),
      row(4, 'h', 'i'),
    ];
    for (const size of [1, 4, text.length]) expect(await read(text, size)).toEqual(rows);
    expect(await read('a,"b\nc,d\n')).toEqual([broken(1, 'the quote of field 2 is not closed'), row(2, 'c', 'd')]);
  });

  it.each([65_536, 1_048_575, 5_000_000])(
    'lose one line to a field that is too long, in chunks of %d',
    async (size) => {
      const long = 'x'.repeat(2_000_000);
      const problem = expect.stringMatching(/^longer than 1048576 characters/) as unknown as string;
      const rows = [row(1, 'a'), broken(2, problem), row(3, 'b')];
      expect(await read(`a\n${long}\nb\n`, size)).toEqual(rows);
      expect(await read(`a\r\n${long}\r\nb\r\n`, size)).toEqual(rows);
      expect(await read(`a\n"${long}\nb\n`, size)).toEqual(rows);
    },
  );

  it('are what was written, in chunks of any size', async () => {
    const field = fc.string({
      unit: fc.constantFrom('a', '"', ',', ';', '\n', '\r', ' ', 'ä', '\u{1f600}'),
      maxLength: 6,
    });
    const fields = fc.array(field, { minLength: 2, maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(fc.array(fields, { maxLength: 6 }), fc.integer({ min: 1, max: 40 }), async (rows, size) => {
        const text = rows
          .map((each) => each.map((value) => `"${value.replaceAll('"', '""')}"`).join(','))
          .map((line) => `${line}\r\n`)
          .join('');
        const found = await read(text, size);
        expect(found.map((each) => each.fields)).toEqual(rows);
        const lines = text.split(/\r\n?|\n/);
        for (const {
          line,
          fields: [first = ''],
        } of found) {
          const [start = ''] = `"${first.replaceAll('"', '""')}`.split(/\r\n?|\n/);
          expect(lines[line - 1]?.startsWith(start)).toBe(true);
        }
      }),
    );
  });
});

describe('the lines of a text', () => {
  it('have their numbers, also after blank ones', async () => {
    const text = '{"a":"b"}\r\n\n \n["c"\n';
    for (const size of [1, 3, text.length]) {
      expect(await read(text, size, textLines)).toEqual([row(1, '{"a":"b"}'), row(4, '["c"')]);
    }
  });

  it('are not held when they are too long', async () => {
    const problem = expect.stringMatching(/^longer than/) as unknown as string;
    expect(await read(`${'x'.repeat(3_000_000)}\r\n{}`, 65_536, textLines)).toEqual([broken(1, problem), row(2, '{}')]);
  });
});
