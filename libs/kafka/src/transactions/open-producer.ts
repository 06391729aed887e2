import { type ProducerIdentity } from '../client/kafkajs-internals';
import { OffsetUnstableError } from '../errors';
import { type TopicPartition, transactionalIdOf } from '../topic-partition';
import { retryOnCodes } from './broker-answers';
import { type CommittedOffset, readCommittedOffset } from './committed-offset';
import { type Coordinators, initProducer } from './coordinators';
import { type LastTransaction } from './last-transaction';

export interface ProducerToOpen extends TopicPartition {
  readonly groupId: string;
  readonly transactionTimeoutMs: number;
}

export interface OpenedProducer {
  readonly identity: ProducerIdentity;
  readonly offset: CommittedOffset;
}

/** For how long an ended transaction may hold the committed offset back before it is ended again. */
const REPAIR_AFTER_MS = 2_000;

/**
 * Fences the previous owner of a partition, and reads the committed offset.
 *
 * Brokers lose markers of transactions that end while a partition has no leader, for example in a clean stop. For the
 * transaction coordinator such a transaction is ended, and in `__consumer_offsets` it stays open: no later reader gets an
 * offset. It is then ended again, with the outcome that the coordinator has: the group coordinator applies the marker to
 * all pending offsets of a producer id, whatever their epoch. Another outcome would be wrong: the outputs of the transaction
 * may be visible.
 *
 * @param last the same for all attempts of one opening
 * @throws OffsetUnstableError; the broker's error
 */
export async function openProducer(
  coordinators: Coordinators,
  { groupId, transactionTimeoutMs, ...partition }: ProducerToOpen,
  last: LastTransaction,
  deadline: number,
  repairAfterMs = REPAIR_AFTER_MS,
): Promise<OpenedProducer> {
  const transactionalId = transactionalIdOf(groupId, partition);
  await coordinators.ask(async () => last.observe(await coordinators.ofTransactions(), transactionalId), deadline);
  const identity = await initProducer(coordinators, transactionalId, transactionTimeoutMs, deadline);
  last.epochRaised(identity);
  const read = (unstableMs?: number): Promise<CommittedOffset> =>
    readCommittedOffset(coordinators, groupId, partition, deadline, unstableMs);
  const { isCommitted } = last;
  if (isCommitted === undefined) return { identity, offset: await read() };
  try {
    return { identity, offset: await read(repairAfterMs) };
  } catch (error) {
    if (!(error instanceof OffsetUnstableError)) throw error;
    const coordinator = await coordinators.ofTransactions();
    await retryOnCodes(() => coordinator.addOffsetsToTxn({ ...identity, groupId }), deadline);
    await retryOnCodes(() => coordinator.endTxn({ ...identity, transactionResult: isCommitted }), deadline);
    return { identity, offset: await read() };
  }
}
