import { createReadStream, createWriteStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { BatchInputError } from '../errors';

/** UTF-16 begins with one of these, and so does no text in UTF-8. */
const UTF_16: readonly (readonly [mark: readonly [number, number], name: string])[] = [
  [[0xff, 0xfe], 'utf-16le'],
  [[0xfe, 0xff], 'utf-16be'],
];

/**
 * Copies a text file as UTF-8, without a byte order mark.
 * @throws BatchInputError if it is empty, or is not of this encoding
 */
export async function copyAsUtf8(path: string, encoding: string, target: string, uri: string): Promise<void> {
  let bytes = 0;
  const decoder = new TextDecoder(encoding, { fatal: true });
  const decode = async function* (chunks: AsyncIterable<Buffer>): AsyncGenerator<string> {
    for await (const chunk of chunks) {
      if (bytes === 0 && decoder.encoding === 'utf-8') assertNotUtf16(chunk, uri);
      yield decoded(decoder, chunk, bytes, uri);
      bytes += chunk.length;
    }
    yield decoded(decoder, undefined, bytes, uri);
  };
  await pipeline(createReadStream(path), decode, createWriteStream(target));
  if (bytes === 0)
    throw new BatchInputError(`${uri} is empty: it has no rows and no names of columns. Nothing was loaded.`);
}

function assertNotUtf16(chunk: Buffer, uri: string): void {
  const found = UTF_16.find(([[first, second]]) => chunk[0] === first && chunk[1] === second);
  if (found === undefined) return;
  throw new BatchInputError(
    `${uri} begins with the byte order mark of UTF-16: say encoding: ${found[1]} in the mapping.`,
  );
}

function decoded(
  decoder: InstanceType<typeof TextDecoder>,
  chunk: Buffer | undefined,
  offset: number,
  uri: string,
): string {
  try {
    return chunk === undefined ? decoder.decode() : decoder.decode(chunk, { stream: true });
  } catch (cause) {
    const where = `from byte ${offset} to ${offset + (chunk?.length ?? 0)}`;
    throw new BatchInputError(
      `${uri} is not ${decoder.encoding}, ${where}: say its encoding in the mapping, such as encoding: windows-1252.`,
      { cause },
    );
  }
}
