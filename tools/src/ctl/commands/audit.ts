import { type Command } from 'commander';
import { type AuditEntry, auditSchema } from '../api/answers';
import { noteNext, readPages } from '../api/paging';
import { integer, time } from '../arguments';
import { fitted } from '../output/display-width';
import { type Column } from '../output/table';
import { type Runtime } from '../session';

/** The command began. The list has it only while there is no outcome. */
const BEGUN = 102;
const MAX_ENTRIES = 100_000;

interface AuditOptions {
  readonly actor?: string;
  readonly action?: string;
  readonly from?: string;
  readonly to?: string;
  readonly limit: number;
  readonly cursor?: string;
}

/** `ctl audit` */
export function addAudit(program: Command, { session, now }: Runtime): void {
  program
    .command('audit')
    .description('list who changed what, the newest first')
    .option('--actor <name>', 'name of the token')
    .option('--action <action>', 'what was done')
    .option('--from <time>', 'at or after: RFC 3339, or how long ago (2h)', time(now))
    .option('--to <time>', 'before', time(now))
    .option('--limit <n>', 'how many, as many pages as that takes', integer(1, MAX_ENTRIES), 50)
    .option('--cursor <cursor>', 'where an earlier list with the same filter ended')
    .action(async ({ limit, cursor, ...filter }: AuditOptions) => {
      const current = session();
      const { console: client } = current;
      const { items, next } = await readPages(
        limit,
        cursor,
        (size, from) => client.get('/admin/audit', auditSchema, { ...filter, limit: size, cursor: from }),
        (page) => page.entries,
      );
      current.result({ entries: items, next }, () => current.table(COLUMNS, items, '(no entries)'));
      noteNext(current, next);
    });
}

const COLUMNS: readonly Column<AuditEntry>[] = [
  { title: 'AT', value: ({ at }) => at },
  { title: 'ACTOR', value: ({ actor, role }) => (role == null ? actor : `${actor ?? ''} (${role})`) },
  { title: 'SERVICE', value: ({ service }) => service, optional: true },
  { title: 'ACTION', value: ({ action }) => action, flexible: true },
  { title: 'SUBJECT', value: ({ subject }) => subject, flexible: true },
  { title: 'BEFORE', value: ({ before }) => jsonText(before), flexible: true, optional: true },
  { title: 'AFTER', value: ({ after }) => jsonText(after), flexible: true },
  { title: 'STATUS', value: ({ status }) => (status === BEGUN ? 'no outcome' : status), align: 'right' },
  { title: 'REQUEST', value: ({ requestId }) => requestId, flexible: true, optional: true },
];

/** The receipt of an erasure has some kilobytes: `--json` prints it. */
const MAX_STATE_WIDTH = 160;

function jsonText(value: unknown): string | undefined {
  if (value === undefined || value === null) return undefined;
  return fitted(typeof value === 'string' ? value : JSON.stringify(value), MAX_STATE_WIDTH);
}
