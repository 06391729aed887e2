import { RAW_ORDER_COLUMNS } from '@orderstream/contracts';
import { sqlText } from '../duckdb/database';
import { type RunRecord } from '../runs/run';
import { LETTER_COLUMNS } from '../warehouse/warehouse';

const APP = 'batch-loader';

/** The columns as expressions over the tables `orders` (o) and `verdicts` (v). */
function columnsOf(run: RunRecord): Readonly<Record<(typeof LETTER_COLUMNS)[number], string>> {
  const failedAt = `timestamptz ${sqlText(run.createdAt)}`;
  const row = `cast(json_object(${RAW_ORDER_COLUMNS.map((name) => `'${name}', o.${name}`).join(', ')}) as varchar)`;
  return {
    source: `'batch'`,
    app: `'${APP}'`,
    reason: 'v.reason',
    fingerprint: `substr(sha256('${APP}' || chr(10) || v.reason || chr(10) || coalesce(v.path, '')), 1, 16)`,
    detail: 'v.detail',
    batch_run_id: sqlText(run.id),
    batch_row: 'v.row_number',
    attempt: 'cast(1 as bigint)',
    failed_at: failedAt,
    first_failed_at: failedAt,
    event_type: `'order.placed'`,
    record_key: 'o.customer_id',
    body: row,
  };
}

/** The rejected rows as rows of `dead_letters`. */
export function deadLetterSelect(run: RunRecord): string {
  const expressions = columnsOf(run);
  const columns = LETTER_COLUMNS.map((name) => `${expressions[name]} as ${name}`);
  return `select ${columns.join(', ')} from verdicts v join orders o using (row_number) where v.reason is not null`;
}
