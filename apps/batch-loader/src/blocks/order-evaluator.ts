import { CE, envelopeHeaders, timestampMicros } from '@orderstream/contracts';
import { type CatalogView, type QualitySettings, type Reason, RuleEvaluator, type Verdict } from '@orderstream/quality';
import { type DayRange } from '../runs/run';
import { BatchState } from './batch-state';

/** `ce_source` of a row that is evaluated. */
const SOURCE = '/batch-loader';
const TYPE = 'order.placed';

/** Why a row is rejected: a rule, or what only a batch knows. */
export interface RowReason {
  readonly code: string;
  readonly path?: string;
  readonly constraint?: string;
}

export type RowVerdict =
  | Exclude<Verdict, { readonly kind: 'reject' | 'skip' | 'wait' }>
  | { readonly kind: 'reject'; readonly reasons: readonly RowReason[] };

/** A row, as the event that it would have been. */
export interface RowEvent {
  /** Of the order: two rows of an order are one event. */
  readonly eventId: string;
  readonly customerId: string;
  readonly placedAt: string;
  readonly body: string;
}

/** Evaluates the rows of one bucket of customers, in their order, by the rules of the stream. */
export class OrderEvaluator {
  private readonly evaluator: RuleEvaluator;
  private readonly fromMicros: number;
  private readonly toMicros: number;
  private state = new BatchState();

  constructor(
    settings: QualitySettings,
    range: DayRange,
    /** "Now" for the rules. */
    private readonly nowMs: number,
  ) {
    this.evaluator = new RuleEvaluator({ family: 'orders', settings, partitionOf: () => 0 });
    this.fromMicros = Date.parse(range.from) * 1_000;
    this.toMicros = Date.parse(range.to) * 1_000;
  }

  /** Forgets the rows: none of the next ones is of the same customers. */
  nextBucket(): void {
    this.state = new BatchState();
  }

  evaluate({ eventId, customerId, placedAt, body }: RowEvent, catalog: CatalogView): RowVerdict {
    const { state, nowMs } = this;
    state.nowMs = nowMs;
    const headers = envelopeHeaders({ id: eventId, type: TYPE, source: SOURCE, time: placedAt });
    if (placedAt === '') Reflect.deleteProperty(headers, CE.time);
    const record = { partition: 0, timestamp: nowMs, key: Buffer.from(customerId), value: Buffer.from(body), headers };
    const { verdict, changes } = this.evaluator.evaluate(record, state, catalog, true);
    switch (verdict.kind) {
      case 'reject':
        return { kind: 'reject', reasons: reasonsOfRow(verdict.reasons) };
      case 'skip':
        return { kind: 'reject', reasons: [{ code: verdict.rule }] };
      case 'wait':
        throw new TypeError('the catalog of a batch is complete');
      default: {
        const micros = timestampMicros(placedAt);
        if (micros < this.fromMicros || micros >= this.toMicros)
          return { kind: 'reject', reasons: [outOfRange(placedAt)] };
        state.apply(changes);
        return verdict;
      }
    }
  }
}

/** Two rows of an order: of one customer, or of two. */
export const DOUBLED_ID: RowReason = {
  code: 'duplicate.event',
  path: 'order_id',
  constraint: 'isNew: expected an order_id that no row before has',
};

const outOfRange = (placedAt: string): RowReason => ({
  code: 'batch.out_of_range',
  path: 'order_placed_at',
  constraint: `isInRange: expected a day of the run, found ${placedAt}`,
});

/** Fields of the event that the file does not have, by the column that they come from. */
const ORIGINS: Readonly<Record<string, string>> = {
  occurred_at: 'order_placed_at',
  event_id: 'order_id',
  key: 'customer_id',
  [CE.time]: 'order_placed_at',
};

/** The reasons in the words of the file's columns, each once. */
function reasonsOfRow(reasons: readonly Reason[]): readonly RowReason[] {
  const found = new Map<string, RowReason>();
  for (const reason of reasons) {
    const own = reasonOfRow(reason);
    const key = `${own.code} ${own.path ?? ''}`;
    if (!found.has(key)) found.set(key, own);
  }
  return [...found.values()];
}

function reasonOfRow({ code, path, constraint }: Reason): RowReason {
  if (code === DOUBLED_ID.code) return DOUBLED_ID;
  return {
    code,
    ...(path !== undefined && { path: ORIGINS[path] ?? path }),
    ...(constraint !== undefined && { constraint }),
  };
}
