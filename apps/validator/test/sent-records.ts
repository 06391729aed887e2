import { randomUUID } from 'node:crypto';
import { deadLetterTopic, type Family, rawTopic, validatedTopic } from '@orderstream/contracts';
import type { OutputRecord } from '@orderstream/kafka';
import { type Body, customerIn, rawRecord } from './events';
import { header, type TestLog } from './log';

export const registered = (customer_id: string): Body => ({
  event_id: randomUUID(),
  event_type: 'customer.registered',
  occurred_at: new Date().toISOString(),
  customer_id,
  customer_registered_at: '2025-01-01T00:00:00.000Z',
  customer_country: 'DE',
  marketing_consent: true,
});

/** Identifies a sent record in the raw topic, in the validated topic and in the dead letters: headers are passed on. */
export const SENT_AS = 'test-record';

interface SentRecords {
  /** Names of the records that must be accepted, in the order of the log. */
  readonly accepted: readonly string[];
  /** Names of the records that must be dead-lettered. */
  readonly rejected: readonly string[];
  /** Number of records that repeat an accepted event: they must leave nothing. */
  readonly repeated: number;
  /** Number of all of them. */
  readonly total: number;
  /** Number of validated records and dead letters of the partition before. */
  readonly before: { readonly validated: number; readonly dead: number };
}

/** Sends events of customers to the raw topic of a family, and compares what its other topics have of them. */
export class RecordSender {
  private readonly raw: string;
  private readonly validated: string;
  private readonly dead: string;

  constructor(
    private readonly log: TestLog,
    family: Family,
  ) {
    this.raw = rawTopic(family);
    this.validated = validatedTopic(family);
    this.dead = deadLetterTopic(this.raw, 'validator');
  }

  /** Sends 48 records: every sixth is broken, every seventh repeats the event of the fourth good record before it. */
  async send(partition: number): Promise<SentRecords> {
    const before = {
      validated: (await this.log.readPartition(this.validated, partition)).length,
      dead: (await this.log.readPartition(this.dead, partition)).length,
    };
    const accepted: string[] = [];
    const rejected: string[] = [];
    let repeated = 0;
    const bodies: Body[] = [];
    const records = Array.from({ length: 48 }, (_, index) => {
      const name = `${randomUUID()}/${String(index)}`;
      const named = (body: Body, changes: Partial<OutputRecord> = {}): OutputRecord => {
        const record = rawRecord(body, { topic: this.raw, ...changes });
        return { ...record, headers: { ...record.headers, [SENT_AS]: name } };
      };
      const earlier = bodies.at(-4);
      if (index % 7 === 6 && earlier !== undefined) {
        repeated++;
        return named(earlier);
      }
      const body = registered(customerIn(partition));
      if (index % 6 === 5) {
        rejected.push(name);
        return named(body, { value: Buffer.from('broken') });
      }
      bodies.push(body);
      accepted.push(name);
      return named(body);
    });
    await this.log.send(...records);
    return { accepted, rejected, repeated, total: records.length, before };
  }

  /**
   * Since the records were sent, the validated topic holds exactly the accepted ones, each once and in order, and the
   * dead letters exactly the rejected ones, with the offsets of the raw topic.
   */
  async expectExactlyOnce(partition: number, { accepted, rejected, before }: SentRecords): Promise<void> {
    const validated = (await this.log.readPartition(this.validated, partition)).slice(before.validated);
    expect(validated.map((record) => header(record, SENT_AS))).toEqual(accepted);
    const offsets = new Map(
      (await this.log.readPartition(this.raw, partition)).map((record) => [
        header(record, SENT_AS),
        String(record.offset),
      ]),
    );
    const letters = (await this.log.readPartition(this.dead, partition)).slice(before.dead);
    expect(letters.map((letter) => [header(letter, SENT_AS), header(letter, 'dlq-source-offset')])).toEqual(
      rejected.map((name) => [name, offsets.get(name)]),
    );
  }
}
