import { isUtf8 } from 'node:buffer';
import { createReadStream } from 'node:fs';
import { BatchInputError } from '../errors';

const LINE_FEED = 0x0a;

/** Files that are no text in the encoding of the mapping, by their first bytes. `..` is any byte. */
const NO_TEXT: readonly (readonly [hex: string, what: string])[] = [
  ['1f8b', 'is compressed with gzip. Unpack it first: gunzip'],
  ['504b0304', 'is a ZIP archive or a spreadsheet. Unpack it, or export it as CSV'],
  ['50415231', 'is Parquet: say format: parquet in the mapping'],
];
/** UTF-16 begins with a byte order mark, or with the zero bytes of ASCII characters. */
const UTF_16: readonly (readonly [hex: string, what: string])[] = [
  ['fffe', 'begins with the byte order mark of UTF-16: say encoding: utf-16le in the mapping'],
  ['feff', 'begins with the byte order mark of UTF-16: say encoding: utf-16be in the mapping'],
  ['..00..00', 'seems to be UTF-16: say encoding: utf-16le in the mapping'],
  ['00..00..', 'seems to be UTF-16: say encoding: utf-16be in the mapping'],
];

/**
 * The text of a file, without a byte order mark.
 * @throws BatchInputError if it is empty, or is not of this encoding
 */
export async function* decodedText(path: string, encoding: string, uri: string): AsyncGenerator<string> {
  const decoder = new TextDecoder(encoding, { fatal: true });
  let bytes = 0;
  const decode = async (chunk?: Buffer): Promise<string> => {
    try {
      return chunk === undefined ? decoder.decode() : decoder.decode(chunk, { stream: true });
    } catch (cause) {
      const line = decoder.encoding === 'utf-8' ? await firstLineThatIsNotUtf8(path) : undefined;
      const where = line === undefined ? '' : `: line ${line} is not`;
      throw new BatchInputError(
        `${uri} is not ${decoder.encoding}${where}. Say its encoding in the mapping, such as encoding: windows-1252.`,
        { cause },
      );
    }
  };
  for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) {
    if (bytes === 0) assertText(chunk, decoder.encoding, uri);
    bytes += chunk.length;
    yield await decode(chunk);
  }
  yield await decode();
  if (bytes === 0)
    throw new BatchInputError(`${uri} is empty: it has no rows and no names of columns. Nothing was loaded.`);
}

function assertText(chunk: Buffer, encoding: string, uri: string): void {
  const known = encoding.startsWith('utf-16') ? NO_TEXT : [...NO_TEXT, ...UTF_16];
  const begin = chunk.toString('hex', 0, 4);
  const found = known.find(([hex]) => new RegExp(`^${hex}`).test(begin));
  if (found !== undefined) throw new BatchInputError(`${uri} ${found[1]}. Nothing was loaded.`);
}

async function firstLineThatIsNotUtf8(path: string): Promise<number | undefined> {
  let line = 1;
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) {
    const bytes = Buffer.concat([rest, chunk]);
    let from = 0;
    for (let end = bytes.indexOf(LINE_FEED); end !== -1; end = bytes.indexOf(LINE_FEED, from)) {
      if (!isUtf8(bytes.subarray(from, end))) return line;
      line++;
      from = end + 1;
    }
    rest = bytes.subarray(from);
    // A line without an end is not collected: it may be the whole file.
    if (rest.length > chunk.length * 16) return undefined;
  }
  return isUtf8(rest) ? undefined : line;
}
