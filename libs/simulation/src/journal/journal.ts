import { z } from 'zod';
import { type Rate, type Segment } from '../cursor/segment';
import { type Scenario } from '../scenario/schema';

/** Name of the append-only file of a generator's directory that has the segments. NDJSON. */
export const JOURNAL_FILE = 'journal.ndjson';
/** Name of the file with the position in the last segment. It is replaced as a whole. */
export const POSITION_FILE = 'position.json';

const count = z.int().min(0);
const rate = z.strictObject({ fromMs: z.number(), eventsPerSecond: z.number().min(0) });

const line = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('segment'),
    id: z.string().min(1),
    seed: z.string(),
    /** Whole. Of another simulation version it may have another shape. */
    scenario: z.custom<Scenario>((value) => typeof value === 'object' && value !== null),
    simulationVersion: z.int(),
    startMs: z.number(),
    rates: z.array(rate).min(1),
    defectRate: z.number().min(0).max(1).optional(),
    announcements: count,
    /** Whether it goes on with the open orders of a checkpoint, which stands in `followsFile`. */
    follows: z.boolean(),
  }),
  z.strictObject({ kind: z.literal('rates'), segment: z.string(), rates: z.array(rate).min(1) }),
  z.strictObject({ kind: z.literal('resumed'), segment: z.string(), from: count, until: count }),
  z.strictObject({ kind: z.literal('end'), segment: z.string(), acknowledged: count, reserved: count }),
]);

/** One line of a journal. */
export type JournalLine = z.infer<typeof line>;

const position = z.strictObject({
  segment: z.string(),
  acknowledged: count,
  reserved: count,
  atMs: z.number(),
});

/** How far the records of a segment are sent. */
export interface JournalPosition {
  readonly segment: string;
  /** Records with a smaller number are all acknowledged. */
  readonly acknowledged: number;
  /** No record from this number on was ever sent. Those in between may be in the topics or not. */
  readonly reserved: number;
  /** Wall time, milliseconds since 1970. */
  readonly atMs: number;
}

/** A segment with what the journal has about it. */
export interface JournaledSegment extends Segment {
  readonly rates: Rate[];
  /** Number of the segment's first record among the records of all segments of the journal. */
  readonly firstSeq: number;
  /** Number of events that announce the catalog. */
  readonly announcements: number;
  readonly follows: boolean;
  /** Ranges of records that were sent again, and so may be in the topics once more. */
  readonly resumed: { readonly from: number; readonly until: number }[];
  acknowledged: number;
  reserved: number;
  isEnded: boolean;
}

/** The journal, or one of its files, is damaged. */
export class JournalFormatError extends SyntaxError {
  override readonly name = 'JournalFormatError';
}

/** Name of the file with the checkpoint that a segment follows. */
export const followsFile = (segment: string): string => `${segment}.follows.json`;

/** Without a line feed. */
export const formatJournalLine = (written: JournalLine): string => JSON.stringify(written);

/**
 * The segments of a journal. A last line without a line feed is ignored: a crash interrupted its write.
 * @param positionText of the position file; undefined if there is none
 * @throws JournalFormatError
 */
export function parseJournal(text: string, positionText: string | undefined): JournaledSegment[] {
  const segments: JournaledSegment[] = [];
  const lines = text.slice(0, text.lastIndexOf('\n') + 1).split('\n');
  lines.pop();
  for (const [index, each] of lines.entries()) addLine(segments, parsed(line, each, `line ${index + 1}`));
  const last = segments.at(-1);
  if (last !== undefined && !last.isEnded && positionText !== undefined) {
    const stored = parsed(position, positionText, POSITION_FILE);
    if (stored.segment === last.id) {
      last.acknowledged = stored.acknowledged;
      last.reserved = stored.reserved;
    }
  }
  return segments;
}

/** @throws JournalFormatError */
export const parsePosition = (text: string): JournalPosition => parsed(position, text, POSITION_FILE);

/** Applies a line to the segments. @throws JournalFormatError unless it is about the last one */
export function addLine(segments: JournaledSegment[], added: JournalLine): void {
  const last = segments.at(-1);
  if (added.kind === 'segment') {
    const firstSeq = last === undefined ? 0 : last.firstSeq + last.reserved;
    const { id, seed, scenario, simulationVersion, startMs, rates, defectRate, announcements, follows } = added;
    const segment = { id, seed, scenario, simulationVersion, startMs, rates, defectRate, announcements, follows };
    segments.push({ ...segment, firstSeq, resumed: [], acknowledged: 0, reserved: 0, isEnded: false });
    return;
  }
  if (last?.id !== added.segment) throw new JournalFormatError(`a line of ${added.segment} is not behind its segment`);
  if (added.kind === 'rates') last.rates.push(...added.rates);
  else if (added.kind === 'resumed') last.resumed.push({ from: added.from, until: added.until });
  else {
    last.acknowledged = added.acknowledged;
    last.reserved = added.reserved;
    last.isEnded = true;
  }
}

function parsed<T>(schema: z.ZodType<T>, text: string, where: string): T {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new JournalFormatError(`${where} is not JSON: ${text.slice(0, 80)}`, { cause });
  }
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw new JournalFormatError(`${where}: ${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'not of a journal'}`);
}
