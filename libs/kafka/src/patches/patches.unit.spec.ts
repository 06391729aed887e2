import fc from 'fast-check';
import '../index';
import { loadFromKafkajs } from '../client/kafkajs-internals';
import {
  filterAbortedMessages,
  type FilterAbortedMessages,
  originalFilterAbortedMessages,
} from './filter-aborted-messages';
import { originalScheduleCheckPendingRequests, scheduleCheckPendingRequests } from './request-queue';

/** Transactions of several producers, their records interleaved in one partition; `committed` is what a reader may see. */
const log = fc
  .array(fc.record({ producer: fc.nat(3), kind: fc.constantFrom('record', 'record', 'commit', 'abort') }), {
    maxLength: 60,
  })
  .map((steps) => {
    const messages: {
      offset: string;
      key: Buffer | null;
      isControlRecord: boolean;
      batchContext: { producerId: string; inTransaction: boolean };
    }[] = [];
    const abortedTransactions: { producerId: string; firstOffset: string }[] = [];
    const open = new Map<number, number[]>();
    const committed = new Set<number>();
    const end = (producer: number, commit: boolean): void => {
      const offsets = open.get(producer);
      if (offsets?.[0] === undefined) return;
      open.delete(producer);
      if (commit) for (const offset of offsets) committed.add(offset);
      else abortedTransactions.push({ producerId: producer.toString(), firstOffset: offsets[0].toString() });
      append(producer, Buffer.from([0, 0, 0, commit ? 1 : 0]), true);
    };
    const append = (producer: number, key: Buffer | null, isControlRecord: boolean): number => {
      const offset = messages.length;
      const batchContext = { producerId: producer.toString(), inTransaction: true };
      messages.push({ offset: offset.toString(), key, isControlRecord, batchContext });
      return offset;
    };
    for (const { producer, kind } of steps) {
      // A record whose key happens to look like an abort marker is a record.
      if (kind === 'record')
        open.set(producer, [...(open.get(producer) ?? []), append(producer, Buffer.alloc(4), false)]);
      else end(producer, kind === 'commit');
    }
    for (const producer of [...open.keys()]) end(producer, false);
    return { messages, abortedTransactions, committed };
  });

const visible = (
  filter: FilterAbortedMessages,
  { messages, abortedTransactions }: Parameters<FilterAbortedMessages>[0],
): number[] =>
  filter({ messages, abortedTransactions: abortedTransactions ?? [] })
    .filter((m) => !m.isControlRecord)
    .map((m) => Number(m.offset));

describe('the patch of filterAbortedMessages', () => {
  it('shows exactly the committed records of interleaved transactions', () => {
    fc.assert(
      fc.property(log, (history) => {
        expect(visible(filterAbortedMessages, history)).toEqual([...history.committed].sort((a, b) => a - b));
      }),
    );
  });

  it('is needed: kafkajs leaks aborted records', () => {
    const found = fc.check(
      fc.property(log, (history) => {
        expect(visible(originalFilterAbortedMessages, history)).toEqual([...history.committed].sort((a, b) => a - b));
      }),
    );
    expect(found.failed).toBe(true);
  });

  it('is what kafkajs uses', () => {
    expect(loadFromKafkajs('kafkajs/src/consumer/filterAbortedMessages.js')).toBe(filterAbortedMessages);
  });
});

describe('the patch of the request queue', () => {
  const idleQueue = () => ({
    throttleCheckTimeoutId: null as NodeJS.Timeout | null,
    throttledUntil: -1,
    pending: [] as unknown[],
    checkPendingRequests: jest.fn(),
  });

  it('sets no timer while nothing waits; kafkajs sets one into the past', () => {
    const setTimer = jest.spyOn(global, 'setTimeout').mockReturnValue(undefined as never);
    try {
      scheduleCheckPendingRequests.call(idleQueue());
      expect(setTimer).not.toHaveBeenCalled();
      originalScheduleCheckPendingRequests.call(idleQueue());
      expect(setTimer.mock.calls[0]?.[1]).toBeLessThan(0);
      setTimer.mockClear();
      scheduleCheckPendingRequests.call({ ...idleQueue(), pending: [{}] });
      expect(setTimer.mock.calls[0]?.[1]).toBe(10);
    } finally {
      setTimer.mockRestore();
    }
  });
});
