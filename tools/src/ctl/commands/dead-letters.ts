import { type Command } from 'commander';
import { escaped } from '@orderstream/terminal';
import {
  type Group,
  groupsSchema,
  type Letter,
  type LetterIndex,
  lettersSchema,
  type WholeLetter,
  wholeLetterSchema,
} from '../api/answers';
import { type Query } from '../api/admin-client';
import { noteNext, readPages } from '../api/paging';
import { integer, letterPath } from '../arguments';
import { type Column, renderFields } from '../output/table';
import { type Runtime, type Session } from '../session';
import { type FilterOptions, withFilter } from './letter-filter';

const MAX_LETTERS = 100_000;

interface LookupOptions extends FilterOptions {
  readonly topic?: string;
  readonly app?: string;
}

interface ListOptions extends LookupOptions {
  readonly order?: string;
  readonly limit: number;
  readonly cursor?: string;
}

/** `ctl dead-letters list|groups|show` */
export function addDeadLetters(program: Command, { session, now }: Runtime): void {
  const group = program.command('dead-letters').description('look at rejected records and why they were rejected');
  const lookup = (name: string, description: string): Command =>
    withFilter(
      group
        .command(name)
        .description(description)
        .option('--topic <topic>', 'one dead-letter topic')
        .option('--app <app>', 'the service that rejected the record'),
      now,
    );

  lookup('list', 'list dead letters, the newest first')
    .option('--oldest', 'the oldest first')
    .option('--limit <n>', 'how many, as many pages as that takes', integer(1, MAX_LETTERS), 20)
    .option('--cursor <cursor>', 'where an earlier list with the same filter ended')
    .action(async ({ limit, cursor, ...options }: ListOptions & { readonly oldest?: boolean }) => {
      const current = session();
      const query = { ...queryOf(options), order: options.oldest === true ? 'oldest' : 'newest' };
      const { console: client } = current;
      const { items, next, last } = await readPages(
        limit,
        cursor,
        (size, from) => client.get('/admin/dead-letters', lettersSchema, { ...query, limit: size, cursor: from }),
        (page) => page.letters,
      );
      current.result({ letters: items, next, index: last.index }, () =>
        current.table(LETTER_COLUMNS, items, '(no dead letters)'),
      );
      noteIndex(current, last.index);
      noteNext(current, next);
    });

  lookup('groups', 'group alike dead letters: count, first and last time, trend').action(
    async (options: LookupOptions) => {
      const current = session();
      const { body } = await current.console.get('/admin/dead-letters/groups', groupsSchema, queryOf(options));
      current.result(body, () => current.table(GROUP_COLUMNS, body.groups, '(no dead letters)'));
      noteIndex(current, body.index);
    },
  );

  group
    .command('show')
    .description('show one dead letter with its headers and its body')
    .argument('<id>', 'topic/partition/offset, as dead-letters list shows it', letterPath)
    .action(async (id: string) => {
      const current = session();
      const { body } = await current.console.get(`/admin/dead-letters/${id}`, wholeLetterSchema);
      current.result(body, () => letterText(body));
    });
}

function queryOf({ topic, app, field, ...filter }: LookupOptions): Query {
  const { reason, fingerprint, key, eventType, from, to, partition, fromOffset, toOffset } = filter;
  return { topic, app, reason, fingerprint, key, eventType, from, to, partition, fromOffset, toOffset, field };
}

function noteIndex(session: Session, index: LetterIndex | null | undefined): void {
  if (index?.upToDate === false)
    session.note('The console is still reading the dead-letter topics: there may be more.');
  const forgotten = index?.forgotten ?? 0;
  if (forgotten > 0) session.note(`The ${forgotten} oldest dead letters are not in the index of the console.`);
}

const LETTER_COLUMNS: readonly Column<Letter>[] = [
  { title: 'FAILED AT', value: ({ failedAt }) => failedAt },
  { title: 'APP', value: ({ app }) => app, optional: true },
  { title: 'REASON', value: ({ reason }) => reason, flexible: true },
  { title: 'PATH', value: ({ detail }) => detail?.[0]?.path, flexible: true },
  { title: 'EVENT TYPE', value: ({ eventType }) => eventType, flexible: true, optional: true },
  { title: 'KEY', value: ({ key }) => key, flexible: true },
  { title: 'TRY', value: ({ attempt }) => attempt, align: 'right' },
  { title: 'ID', value: ({ id }) => id },
];

const GROUP_COLUMNS: readonly Column<Group>[] = [
  { title: 'FINGERPRINT', value: ({ fingerprint }) => fingerprint },
  { title: 'COUNT', value: ({ count }) => count, align: 'right' },
  { title: 'APP', value: ({ app }) => app },
  { title: 'REASON', value: ({ reason }) => reason, flexible: true },
  { title: 'PATH', value: ({ path }) => path, flexible: true },
  { title: 'FIRST', value: ({ firstFailedAt }) => firstFailedAt, optional: true },
  { title: 'LAST', value: ({ lastFailedAt }) => lastFailedAt },
  { title: 'LAST 24 H', value: ({ hourly }) => sparkline(hourly ?? []), optional: true },
];

const BARS = '▁▂▃▄▅▆▇█';

/** One bar for each hour, the latest to the right; a dot is an hour without any. */
function sparkline(counts: readonly number[]): string {
  const highest = Math.max(1, ...counts);
  return counts
    .map((count) => (count === 0 ? '·' : (BARS[Math.ceil((count / highest) * BARS.length) - 1] ?? '')))
    .join('');
}

function letterText(letter: WholeLetter): string {
  const { source, detail, headers } = letter;
  const fields = renderFields([
    ['id', letter.id],
    ['app', letter.app],
    ['reason', letter.reason],
    ['fingerprint', letter.fingerprint],
    ['event type', letter.eventType],
    ['event id', letter.eventId],
    ['key', letter.key],
    ['attempt', letter.attempt],
    ['failed at', letter.failedAt],
    ['first failed at', letter.firstFailedAt],
    ['source', source == null ? undefined : `${source.topic}/${source.partition}/${source.offset}`],
    ['appended at', source?.timestamp],
    ['cut', letter.cut === undefined || letter.cut === null ? undefined : JSON.stringify(letter.cut)],
  ]);
  const reasons = (detail ?? []).map(({ code, path, constraint }) =>
    escaped(`  ${code}${path == null ? '' : `  ${path}`}${constraint == null ? '' : `  ${constraint}`}`),
  );
  const lines = (headers ?? []).map(({ name, value, base64 }) =>
    escaped(`  ${name}: ${value ?? (base64 == null ? '(null)' : `(base64) ${base64}`)}`),
  );
  return [
    fields,
    ...(reasons.length === 0 ? [] : ['', 'problems', ...reasons]),
    ...(lines.length === 0 ? [] : ['', 'headers', ...lines]),
    '',
    'body',
    escaped(bodyText(letter), true),
  ].join('\n');
}

/** The body as `bodyFormat` says: the text of one that is not a JSON object, otherwise JSON. */
function bodyText({ body, bodyFormat }: WholeLetter): string {
  if (bodyFormat === 'none' || body === undefined) return '(no value)';
  if (bodyFormat === 'text' && typeof body === 'object' && body !== null && 'text' in body) return String(body.text);
  return JSON.stringify(body, null, 2);
}
