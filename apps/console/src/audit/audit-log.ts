import { createHash } from 'node:crypto';
import { AUDIT_TOPIC } from '@orderstream/contracts';
import { OrderstreamError } from '@orderstream/errors';
import { fetchLogBounds, type KafkaRecord, type LogBounds, readPartition } from '@orderstream/kafka';
import { type Kafka } from 'kafkajs';
import { ConsoleProblem } from '../problems';
import { Outcomes } from './outcomes';

/** One change, as the services write it to the topic. */
export interface AuditEntry {
  /** Offset in the topic. */
  readonly id: string;
  readonly at: string;
  readonly actor: string;
  readonly role: string;
  readonly action: string;
  readonly subject?: string;
  readonly before?: unknown;
  readonly after?: unknown;
  readonly requestId?: string;
  readonly status: number;
  readonly service?: string;
}

export interface AuditFilter {
  readonly actor?: string | undefined;
  /** Beginning of the action. */
  readonly action?: string | undefined;
  readonly from?: Date | undefined;
  readonly to?: Date | undefined;
}

export interface AuditPage {
  readonly entries: readonly AuditEntry[];
  readonly next?: string;
}

const CHUNK = 1_000;
/** Records that one request reads. A page may have fewer entries than asked for, and go on. */
const MAX_READ = 20_000;
/** Clocks that differ: a record whose time is earlier than this before `from` ends the search. */
const CLOCK_SLACK_MS = 3_600_000;
/** The topic has one partition: the order of its records is that of the audit. */
const PARTITION = 0;

/**
 * Reads the audit backwards, the latest entry first. A command that is stored before it runs has two entries: the first
 * (`BEGUN`) is left out when its outcome, among the next 1,000 records, is one of the list. So a command is listed once, and
 * one that was killed stands out. An erasure is listed by its latest entry in the same way.
 *
 * Failure semantics: reads only. A record that is not an entry is left out.
 */
export class AuditLog {
  constructor(
    private readonly kafka: Kafka,
    private readonly topic: string = AUDIT_TOPIC,
  ) {}

  /** @throws ConsoleProblem cursor-rejected */
  async page(filter: AuditFilter, limit: number, cursor: string | undefined): Promise<AuditPage> {
    const { beginnings, ends } = await this.bounds();
    const begin = beginnings[PARTITION] ?? 0;
    const found: AuditEntry[] = [];
    const top = ends[PARTITION] ?? 0;
    let end = Math.min(top, cursor === undefined ? Infinity : offsetOf(filter, cursor));
    const outcomes = new Outcomes(CHUNK);
    // What the page before has shown may be the outcome of what this one reads.
    for (const record of (await this.records(end, Math.min(top, end + CHUNK))).reverse()) {
      const entry = entryOf(record);
      if (entry !== undefined && isMeant(filter, entry)) outcomes.take(entry, record.offset);
    }
    for (let read = 0; end > begin && found.length < limit && read < MAX_READ; read += CHUNK) {
      const from = Math.max(begin, end - CHUNK);
      const records = (await this.records(from, end)).reverse();
      end = from;
      for (const record of records) {
        if (filter.from !== undefined && record.timestamp < filter.from.getTime() - CLOCK_SLACK_MS) {
          return { entries: found };
        }
        const entry = entryOf(record);
        if (entry === undefined || !isMeant(filter, entry) || outcomes.take(entry, record.offset)) continue;
        found.push(entry);
        if (found.length < limit) continue;
        end = record.offset;
        break;
      }
    }
    return { entries: found, ...(end > begin ? { next: encodeCursor(filter, end) } : {}) };
  }

  private async bounds(): Promise<LogBounds> {
    try {
      return await fetchLogBounds(this.kafka, this.topic);
    } catch (error) {
      if (error instanceof OrderstreamError) throw error;
      const why = error instanceof Error ? error.message : String(error);
      throw new ConsoleProblem('audit-unavailable', `The topic ${this.topic} cannot be read now: ${why}. Try again.`);
    }
  }

  private async records(from: number, until: number): Promise<KafkaRecord[]> {
    const records: KafkaRecord[] = [];
    if (from >= until) return records;
    await readPartition(this.kafka, { topic: this.topic, partition: PARTITION, from, until }, (batch) => {
      records.push(...batch.records);
    });
    return records;
  }
}

function isMeant({ actor, action, from, to }: AuditFilter, entry: AuditEntry): boolean {
  const at = Date.parse(entry.at);
  return (
    (actor === undefined || entry.actor === actor) &&
    (action === undefined || entry.action.startsWith(action)) &&
    (from === undefined || at >= from.getTime()) &&
    (to === undefined || at < to.getTime())
  );
}

/** Undefined for a record that is no entry: any program can write to a topic. */
function entryOf({ value, offset }: KafkaRecord): AuditEntry | undefined {
  try {
    const parsed: unknown = JSON.parse(value?.toString('utf8') ?? '');
    if (typeof parsed !== 'object' || parsed === null) return undefined;
    const { at, actor, role, action, subject, before, after, requestId, status, service } = parsed as Readonly<
      Record<string, unknown>
    >;
    const isEntry = [at, actor, role, action].every((text) => typeof text === 'string') && typeof status === 'number';
    if (!isEntry || Number.isNaN(Date.parse(at as string))) return undefined;
    return {
      id: String(offset),
      ...{ at: at as string, actor: actor as string, role: role as string, action: action as string },
      ...(typeof subject === 'string' ? { subject } : {}),
      ...(before === undefined ? {} : { before }),
      ...(after === undefined ? {} : { after }),
      ...(typeof requestId === 'string' ? { requestId } : {}),
      status,
      ...(typeof service === 'string' ? { service } : {}),
    };
  } catch {
    return undefined;
  }
}

const queryId = ({ actor, action, from, to }: AuditFilter): string =>
  createHash('sha256')
    .update(JSON.stringify([actor ?? null, action ?? null, from?.getTime() ?? null, to?.getTime() ?? null]))
    .digest('base64url')
    .slice(0, 12);

const encodeCursor = (filter: AuditFilter, offset: number): string =>
  Buffer.from(JSON.stringify([1, queryId(filter), offset])).toString('base64url');

/** The offset below which the list goes on. */
function offsetOf(filter: AuditFilter, cursor: string): number {
  let values: unknown;
  try {
    values = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'));
  } catch {
    values = undefined;
  }
  const [version, id, offset] = Array.isArray(values) ? (values as unknown[]) : [];
  if (version === 1 && id === queryId(filter) && Number.isSafeInteger(offset)) return offset as number;
  throw new ConsoleProblem(
    'cursor-rejected',
    'The cursor is not one of this list. Ask for the first page, without a cursor.',
  );
}
