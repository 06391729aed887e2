import { waitUntil } from '@orderstream/deadlines';
import { crc32c } from '@node-rs/crc32';
import { encodeRecordBatch, type OutputRecord, type RecordProducer } from '@orderstream/kafka';
import { type PlantedRecords } from '@orderstream/ledger';

import { produceBatch } from '../stack/produce-batch';
import { type PoisonRecord } from './poison-records';

/** Longer than the broker takes to start again. */
const SEND_DEADLINE_MS = 60_000;
const SEND_INTERVAL_MS = 500;
const CRC_OFFSET = 17;
const ATTRIBUTES_OFFSET = 21;
/** Of a batch that no idempotent producer sends. */
export const NO_PRODUCER = { producerId: -1n, producerEpoch: -1, firstSequence: -1, transactional: false } as const;

export interface PoisonTarget {
  readonly producer: Pick<RecordProducer, 'send'>;
  /** `host:port` of the broker. */
  readonly broker: string;
  readonly planted: PlantedRecords;
}

/** Sends one record of a kind, and adds it to the planted ones. @throws ProduceFailedError, DeadlineError */
export async function sendPoison({ producer, broker, planted }: PoisonTarget, make: () => PoisonRecord): Promise<void> {
  const add = ({ record: { topic, partition }, kind, reason }: PoisonRecord, offset: number): void => {
    planted.add({ topic, partition, offset, kind, reason });
  };
  const first = make();
  if (first.renamed === undefined) {
    // Counted before the send: a record without an acknowledgement may be in the log.
    planted.sent++;
    const [range] = await producer.send([first.record]);
    if (range !== undefined) add(first, range.baseOffset);
    return;
  }
  await waitUntil(
    async () => {
      // Another event at each try: after a try without an acknowledgement, the same one may be a duplicate.
      const made = make();
      planted.sent++;
      add(made, await produceBatch(broker, made.record, await batchOf(made)));
      return true;
    },
    { what: `the broker to take a ${first.kind}`, deadlineMs: SEND_DEADLINE_MS, intervalMs: SEND_INTERVAL_MS },
  );
}

/** A record as a batch, with the name of its header replaced. Exported for its test. */
export async function batchOf({ record, renamed }: Pick<PoisonRecord, 'record' | 'renamed'>): Promise<Buffer> {
  const batch = await encodeRecordBatch([record satisfies OutputRecord], NO_PRODUCER, Date.now());
  if (renamed === undefined) return batch;
  const [name, bytes] = renamed;
  const at = batch.indexOf(name);
  if (at < 0 || bytes.length !== name.length) throw new RangeError(`the batch has no header ${name} of this length`);
  bytes.copy(batch, at);
  batch.writeUInt32BE(crc32c(batch.subarray(ATTRIBUTES_OFFSET)), CRC_OFFSET);
  return batch;
}
