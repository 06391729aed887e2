import { promisify } from 'node:util';
import { gzip, zstdCompress } from 'node:zlib';

import { FAMILIES, PARTITIONS, rawTopic } from '@orderstream/contracts';
import { waitUntil } from '@orderstream/deadlines';
import { encodeRecordBatch, partitionName } from '@orderstream/kafka';

import { watchPeakMemory } from '../stack/peak-memory';
import { produceBatch } from '../stack/produce-batch';
import { type Fault } from './fault';
import { NO_PRODUCER } from './send-poison';

const RECORDS = 300;
const RECORD_BYTES = 500_000;
/** Resident memory of a service. */
const MEMORY_LIMIT_MB = 512;
const EVALUATED_DEADLINE_MS = 180_000;
const POLL_INTERVAL_MS = 250;

const CODECS = [
  { name: 'gzip', attribute: 1, compress: promisify(gzip) },
  { name: 'zstd', attribute: 4, compress: promisify(zstdCompress) },
] as const;

/** 150 MB in one batch of some kilobytes. The validator must evaluate it record by record, in bounded memory. */
const largeBatch: Fault = {
  name: 'large batch',
  description: `${String(RECORDS)} records of ${String(RECORD_BYTES / 1_000)} kB in one compressed batch, sent to a raw topic`,
  claims: ['kafka', 'validator', 'validator~kafka'],
  recovers: ['validator'],
  async inject({ stack, offsets, rng, planted }) {
    const { pid } = stack.instance('validator');
    if (pid === undefined) throw new Error('the validator is not running');
    const place = { topic: rawTopic(rng.pick(FAMILIES)), partition: rng.between(0, PARTITIONS - 1) };
    const codec = rng.pick(CODECS);
    const record = { key: null, value: Buffer.alloc(RECORD_BYTES, 'a') };
    const batch = await encodeRecordBatch(Array(RECORDS).fill(record), NO_PRODUCER, Date.now(), codec);
    const peakMb = watchPeakMemory(pid);
    const startedAt = performance.now();
    planted.sent += RECORDS;
    const first = await produceBatch(stack.endpoints.kafka, place, batch);
    planted.addRange(
      { ...place, baseOffset: first, count: RECORDS },
      { kind: 'large batch', reason: 'structure.malformed_json' },
    );
    await waitUntil(
      async () => ((await offsets.committed('validator')).get(partitionName(place)) ?? 0) >= first + RECORDS,
      {
        what: `the validator to evaluate the batch in ${partitionName(place)}@${String(first)}`,
        deadlineMs: EVALUATED_DEADLINE_MS,
        intervalMs: POLL_INTERVAL_MS,
      },
    );
    const seconds = (performance.now() - startedAt) / 1_000;
    const memoryMb = peakMb();
    return {
      detail: `${codec.name}, ${String(batch.length)} bytes, evaluated after ${seconds.toFixed(1)} s with up to ${memoryMb.toFixed(0)} MB`,
      broken:
        memoryMb < MEMORY_LIMIT_MB
          ? []
          : [`the validator took ${memoryMb.toFixed(0)} MB; it must stay below ${String(MEMORY_LIMIT_MB)} MB`],
      measures: { 'evaluated, s': seconds, 'memory, MB': memoryMb },
    };
  },
};

export const BATCH_FAULTS: readonly Fault[] = [largeBatch];
