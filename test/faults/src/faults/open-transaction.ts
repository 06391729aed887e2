import { FAMILIES, PARTITIONS, rawTopic } from '@orderstream/contracts';
import { waitUntil } from '@orderstream/deadlines';
import { partitionName, type TopicPartition } from '@orderstream/kafka';
import { METRIC } from '@orderstream/observability';
import { type Producer, type Transaction } from 'kafkajs';

import { type FaultStack } from '../stack/fault-stack';
import { type Fault } from './fault';

/** The metrics must show an open transaction within this time, */
const METRIC_DEADLINE_MS = 30_000;
/** and the log must name it after a minute, checked every 5 s. */
const LOG_DEADLINE_MS = 75_000;
/** Longer than both. The broker looks for transactions that have timed out every 10 s. */
const TRANSACTION_TIMEOUT_MS = 80_000;
const END_DEADLINE_MS = 60_000;
const POLL_INTERVAL_MS = 500;
/** A field that only the line about an open transaction has. */
const LOG_FIELD = '"openSeconds":';

/**
 * Not the catalog: the orders of a vendor that is announced behind the open transaction wait for it, and after
 * CATALOG_WAIT_MS, which is shorter than the transaction, they are dead-lettered, to be replayed.
 */
const HELD_BACK = FAMILIES.filter((family) => family !== 'catalog');

/** A foreign producer's transaction: records behind its first one wait until it ends. */
const openTransaction: Fault = {
  name: 'open transaction',
  description: 'a foreign producer leaves a transaction open in a raw partition; it is aborted, or ends by its timeout',
  claims: ['kafka', 'validator', 'validator~kafka', 'order-generator'],
  recovers: ['validator'],
  async inject({ stack, rng, planted }) {
    const place = { topic: rawTopic(rng.pick(HELD_BACK)), partition: rng.between(0, PARTITIONS - 1) };
    const name = partitionName(place);
    const isAborted = rng.fraction() < 0.5;
    const producer = stack.kafka().producer({
      transactionalId: `orderstream-faults-${String(Date.now())}`,
      transactionTimeout: TRANSACTION_TIMEOUT_MS,
      idempotent: true,
      maxInFlightRequests: 1,
    });
    await producer.connect();
    const startedAt = performance.now();
    let transaction: Transaction | undefined;
    let shownSeconds: number;
    let waiting: number;
    try {
      transaction = await producer.transaction();
      // Never read, but it takes an offset.
      planted.sent++;
      const offset = await sendOne(transaction, place);
      await metricReaches(stack, METRIC.openTransactionSeconds.name, place, 1, METRIC_DEADLINE_MS);
      shownSeconds = (performance.now() - startedAt) / 1_000;
      // The record itself, and at least one that waits behind it.
      await metricReaches(stack, METRIC.consumerLagRecords.name, place, 2, METRIC_DEADLINE_MS);
      await waitUntil(
        () =>
          stack
            .instance('validator')
            .hasLogged(
              LOG_FIELD,
              `"topic":"${place.topic}"`,
              `"partition":${String(place.partition)},`,
              `"lastStableOffset":${String(offset)},`,
            ),
        { what: `the log to name the open transaction in ${name}`, deadlineMs: LOG_DEADLINE_MS, intervalMs: 1_000 },
      );
      waiting = (await stack.service('validator').metric(METRIC.consumerLagRecords.name, labelsOf(place))) ?? 0;
    } catch (error) {
      await end(producer, transaction);
      throw error;
    }
    if (isAborted) await end(producer, transaction);
    else await producer.disconnect();
    await waitUntil(
      async () => (await stack.service('validator').metric(METRIC.openTransactionSeconds.name, labelsOf(place))) === 0,
      { what: `the open transaction in ${name} to end`, deadlineMs: END_DEADLINE_MS, intervalMs: POLL_INTERVAL_MS },
    );
    return {
      detail: `${name}, shown after ${shownSeconds.toFixed(1)} s, ${String(waiting)} records waited, ${isAborted ? 'aborted' : 'timed out'}`,
      measures: { 'open transaction shown, s': shownSeconds, 'waiting, records': waiting },
    };
  },
};

/** @returns its offset */
async function sendOne(transaction: Transaction, { topic, partition }: TopicPartition): Promise<number> {
  const [sent] = await transaction.send({ topic, messages: [{ partition, value: 'left open' }] });
  return Number(sent?.baseOffset);
}

async function end(producer: Producer, transaction: Transaction | undefined): Promise<void> {
  try {
    await transaction?.abort();
  } finally {
    await producer.disconnect();
  }
}

const labelsOf = ({ topic, partition }: TopicPartition): Readonly<Record<string, string>> => ({
  topic,
  partition: String(partition),
});

/** @throws DeadlineError */
async function metricReaches(
  stack: FaultStack,
  metric: string,
  place: TopicPartition,
  least: number,
  deadlineMs: number,
): Promise<void> {
  await waitUntil(
    async () => {
      const value = await stack.service('validator').metric(metric, labelsOf(place));
      if (value !== undefined && value >= least) return true;
      throw new Error(`it is ${String(value)}`);
    },
    {
      what: `${metric} of ${partitionName(place)} to reach ${String(least)}`,
      deadlineMs,
      intervalMs: POLL_INTERVAL_MS,
    },
  );
}

export const OPEN_TRANSACTION_FAULTS: readonly Fault[] = [openTransaction];
