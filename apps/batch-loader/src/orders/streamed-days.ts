import { type OrderPlaced } from '@orderstream/contracts';
import { type StreamedDays, streamedOrders } from '@orderstream/ledger';
import { JournalFormatError, SegmentMismatchError } from '@orderstream/simulation';
import { BatchInputError } from '../errors';
import { type DayRange } from '../runs/run';

export { type StreamedDays } from '@orderstream/ledger';

const NONE: StreamedDays = { days: [], segments: [] };

/**
 * The orders that the stream has of these days: see `streamedOrders`.
 *
 * @param journal folder of the generator's journal; undefined, or without a journal: the stream has none of them
 * @throws BatchInputError if the journal cannot be read, or is of another version of the simulation
 */
export function* streamedOrdersOf(
  journal: string | undefined,
  { from, to }: DayRange,
): Generator<OrderPlaced | undefined, StreamedDays> {
  if (journal === undefined) return NONE;
  try {
    return yield* streamedOrders(journal, Date.parse(from), Date.parse(to));
  } catch (error) {
    if (!(error instanceof JournalFormatError || error instanceof SegmentMismatchError)) throw error;
    throw new BatchInputError(
      `The generator's journal in ${journal} cannot be used: ${error.message}. ` +
        'Without GENERATOR_LEDGER_DIR, every day is of the history, and the days of the stream have other orders than it.',
      { cause: error },
    );
  }
}
