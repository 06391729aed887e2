import { replaceModule } from './kafkajs-modules';

export interface FetchedMessage {
  readonly offset: string;
  readonly key: Buffer | null;
  readonly isControlRecord: boolean;
  readonly batchContext: { readonly producerId: string; readonly inTransaction: boolean };
}

export interface AbortedTransaction {
  readonly producerId: string;
  readonly firstOffset: string;
}

export type FilterAbortedMessages = (fetched: {
  readonly messages: readonly FetchedMessage[];
  readonly abortedTransactions?: readonly AbortedTransaction[] | null;
}) => readonly FetchedMessage[];

const ABORT_MARKER = Buffer.from([0, 0, 0, 0]);

/**
 * Drops the messages of aborted transactions. The original enters at most one aborted transaction per message, takes
 * them in the order the broker names them (not by offset), and lets any record with an abort marker's key end one; so
 * aborted records leak when transactional producers share a partition.
 */
export const filterAbortedMessages: FilterAbortedMessages = ({ messages, abortedTransactions }) => {
  if (!abortedTransactions || abortedTransactions.length === 0) return messages;
  const upcoming = abortedTransactions
    .map(({ producerId, firstOffset }) => ({ producerId, firstOffset: Number(firstOffset) }))
    .sort((a, b) => a.firstOffset - b.firstOffset);
  const aborting = new Set<string>();
  let next = 0;
  return messages.filter(({ offset, key, isControlRecord, batchContext }) => {
    const position = Number(offset);
    for (let t = upcoming[next]; t !== undefined && t.firstOffset <= position; t = upcoming[++next]) {
      aborting.add(t.producerId);
    }
    if (isControlRecord) {
      if (key !== null && ABORT_MARKER.equals(key)) aborting.delete(batchContext.producerId);
      return true;
    }
    return !(batchContext.inTransaction && aborting.has(batchContext.producerId));
  });
};

/** What kafkajs shipped; for the test that shows the leak. */
export const originalFilterAbortedMessages = replaceModule<FilterAbortedMessages>(
  'kafkajs/src/consumer/filterAbortedMessages.js',
  () => filterAbortedMessages,
);
