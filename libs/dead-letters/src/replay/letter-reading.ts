import { type KafkaRecord } from '@orderstream/kafka';
import { type ChosenLetters } from './chosen-letters';
import { type PartitionIo } from './replay-io';

/** Longest run of other records that is read and ignored, in offsets: a new reading costs about as much. */
const MAX_GAP = 2_000;

/**
 * Reads chosen letters in their order, one at a time: ascending offsets in one go, as far as they are close together.
 *
 * @param isWanted whether the letter at a position is read
 * @param take gets each letter with its position; undefined for one that the log does not have any more
 */
export async function readChosen(
  io: Pick<PartitionIo, 'readLetters'>,
  letters: ChosenLetters,
  isWanted: (position: number) => boolean,
  take: (record: KafkaRecord | undefined, position: number) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  let position = 0;
  while (position < letters.length) {
    if (!isWanted(position)) {
      position++;
      continue;
    }
    const run = [position];
    let last = letters.at(position);
    for (let next = position + 1; next < letters.length && run.length < MAX_GAP; next++) {
      const offset = letters.at(next);
      if (offset <= last || offset - last > MAX_GAP) break;
      if (!isWanted(next)) continue;
      run.push(next);
      last = offset;
    }
    await readRun(io, letters, run, take, signal);
    position = (run.at(-1) ?? position) + 1;
  }
}

async function readRun(
  io: Pick<PartitionIo, 'readLetters'>,
  letters: ChosenLetters,
  run: readonly number[],
  take: (record: KafkaRecord | undefined, position: number) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  let index = 0;
  /** Takes those below the offset as missing. */
  const missingBelow = async (offset: number): Promise<void> => {
    for (; index < run.length; index++) {
      const position = run[index] ?? NaN;
      if (letters.at(position) >= offset) return;
      await take(undefined, position);
    }
  };
  const from = letters.at(run[0] ?? NaN);
  const until = letters.at(run.at(-1) ?? NaN) + 1;
  const read = async (record: KafkaRecord): Promise<void> => {
    await missingBelow(record.offset);
    const position = run[index];
    if (position === undefined || letters.at(position) !== record.offset) return;
    index++;
    await take(record, position);
  };
  await io.readLetters(from, until, read, signal);
  await missingBelow(until);
}
