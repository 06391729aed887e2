import { type Command } from 'commander';
import { type Plan, planSchema, plansSchema, type Receipt, receiptsSchema } from '../api/answers';
import { noteNext, readPages } from '../api/paging';
import { integer } from '../arguments';
import { type Column, formatCount } from '../output/table';
import { type Runtime } from '../session';
import { doneOf, outcomeText, planText, progressOf, stateColour } from './plan-text';
import { planArgument } from './replay-steps';

const MAX_PLANS = 10_000;
const MAX_RECEIPTS = 1_000_000;

interface PageOptions {
  readonly limit: number;
  readonly cursor?: string;
}

/** The commands that only look at plans. */
export function addReplayLists(group: Command, { session }: Runtime): void {
  group
    .command('status')
    .description('show a plan: what it chooses, its preview, how far it is')
    .addArgument(planArgument())
    .action(async (id: string) => {
      const current = session();
      const { body } = await current.console.get(`/admin/replays/${id}`, planSchema);
      current.result(body, () => planText(body));
    });

  group
    .command('list')
    .description('list the plans, the latest first')
    .option('--limit <n>', 'how many, as many pages as that takes', integer(1, MAX_PLANS), 20)
    .option('--cursor <cursor>', 'where an earlier list ended')
    .action(async ({ limit, cursor }: PageOptions) => {
      const current = session();
      const { console: client } = current;
      const { items, next } = await readPages(
        limit,
        cursor,
        (size, from) => client.get('/admin/replays', plansSchema, { limit: size, cursor: from }),
        (page) => page.plans,
      );
      current.result({ plans: items, next }, () => current.table(PLAN_COLUMNS, items, '(no plans)'));
      noteNext(current, next);
    });

  group
    .command('receipts')
    .description('list what happened to each letter of a plan')
    .addArgument(planArgument())
    .option('--limit <n>', 'how many, as many pages as that takes', integer(1, MAX_RECEIPTS), 100)
    .option('--cursor <cursor>', 'where an earlier list of the same plan ended')
    .action(async (id: string, { limit, cursor }: PageOptions) => {
      const current = session();
      const { console: client } = current;
      const { items, next } = await readPages(
        limit,
        cursor,
        (size, from) => client.get(`/admin/replays/${id}/receipts`, receiptsSchema, { limit: size, cursor: from }),
        (page) => page.receipts,
      );
      current.result({ receipts: items, next }, () => current.table(RECEIPT_COLUMNS, items, '(no receipts)'));
      noteNext(current, next);
    });
}

const PLAN_COLUMNS: readonly Column<Plan>[] = [
  { title: 'PLAN', value: ({ id }) => id },
  { title: 'STATE', value: ({ state }) => state, colour: stateColour },
  { title: 'TOPIC', value: ({ topic }) => topic, flexible: true },
  {
    title: 'DONE',
    value: (plan) => `${formatCount(doneOf(plan))}/${formatCount(progressOf(plan, 'total') ?? 0)}`,
    align: 'right',
  },
  { title: 'RECEIPTS', value: outcomeText, flexible: true },
  { title: 'CREATED', value: ({ createdAt }) => createdAt },
  { title: 'BY', value: ({ createdBy }) => createdBy, flexible: true },
  { title: 'NOTE', value: ({ note }) => note, flexible: true },
];

const RECEIPT_COLUMNS: readonly Column<Receipt>[] = [
  { title: 'AT', value: ({ at }) => at },
  { title: 'OUTCOME', value: ({ outcome }) => outcome },
  { title: 'LETTER', value: ({ letter }) => letter },
  {
    title: 'TO',
    value: ({ to }) => (to == null ? undefined : `${to.topic}${to.partition == null ? '' : `/${to.partition}`}`),
    flexible: true,
  },
  { title: 'REASON', value: ({ reason }) => reason, flexible: true },
];
