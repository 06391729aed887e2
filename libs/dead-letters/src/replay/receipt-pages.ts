import { fetchLogBounds, readPartition } from '@orderstream/kafka';
import { type Kafka } from 'kafkajs';
import { CursorRejectedError } from '../lookup/cursor';
import { type Receipt, type ReceiptPage } from './plan';
import { type PlanLog } from './plan-log';
import { decodeReplayRecord, type StoredReceipt } from './receipts';

/** Where a page begins: partition and offset in the record of the plans. */
interface Place {
  readonly partition: number;
  readonly offset: number;
}

/** Ends the reading of a partition when the page is full. */
class PageFull extends Error {}

/** One page of the receipts of a plan. Reads only where the plan has receipts. @throws CursorRejectedError */
export async function readReceipts(
  kafka: Kafka,
  log: PlanLog,
  plan: string,
  { limit, cursor }: { readonly limit: number; readonly cursor?: string | undefined },
  signal?: AbortSignal,
): Promise<ReceiptPage> {
  const begin = cursor === undefined ? { partition: 0, offset: 0 } : decodeCursor(plan, cursor);
  const { first, last } = log.tally(plan);
  const { beginnings } = await fetchLogBounds(kafka, log.topic);
  const receipts: Receipt[] = [];
  let next: Place | undefined;
  for (let partition = begin.partition; partition < last.length && next === undefined; partition++) {
    const until = (last[partition] ?? -1) + 1;
    const offset = partition === begin.partition ? begin.offset : 0;
    const from = Math.max(offset, first[partition] ?? until, beginnings[partition] ?? 0);
    if (from >= until) continue;
    const range = { topic: log.topic, partition, from, until, ...(signal && { signal }) };
    try {
      await readPartition(kafka, range, ({ records }) => {
        for (const record of records) {
          const decoded = decodeReplayRecord(record);
          if (decoded?.kind !== 'receipt' || decoded.plan !== plan) continue;
          if (receipts.length === limit) {
            next = { partition, offset: record.offset };
            throw new PageFull();
          }
          receipts.push(receiptOf(decoded));
        }
      });
    } catch (error) {
      if (!(error instanceof PageFull)) throw error;
    }
  }
  return { receipts, ...(next === undefined ? {} : { next: encodeCursor(plan, next) }) };
}

function receiptOf({ letter, outcome, reason, to, editedFrom, editedTo, at }: StoredReceipt): Receipt {
  return {
    letter,
    outcome,
    ...(reason === undefined ? {} : { reason }),
    ...(to === undefined ? {} : { to }),
    ...(editedFrom === undefined ? {} : { editedFrom }),
    ...(editedTo === undefined ? {} : { editedTo }),
    at,
  };
}

const encodeCursor = (plan: string, { partition, offset }: Place): string =>
  Buffer.from(JSON.stringify([plan, partition, offset])).toString('base64url');

function decodeCursor(plan: string, cursor: string): Place {
  let values: unknown;
  try {
    values = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'));
  } catch {
    throw new CursorRejectedError('is not one of a list of receipts');
  }
  const [ofPlan, partition, offset] = Array.isArray(values) ? (values as unknown[]) : [];
  if (!Number.isSafeInteger(partition) || !Number.isSafeInteger(offset)) {
    throw new CursorRejectedError('is not one of a list of receipts');
  }
  if (ofPlan !== plan) throw new CursorRejectedError('is of the receipts of another plan');
  return { partition: partition as number, offset: offset as number };
}
