import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { type Command } from 'commander';
import { type Erasure, erasureSchema } from '../api/answers';
import { duration } from '../arguments';
import { mayHaveSucceeded, TimedOutError, UsageError } from '../errors';
import { EXIT_CODES } from '../exit-codes';
import { type Column, renderFields } from '../output/table';
import { type Runtime, type Session } from '../session';

const CUSTOMER_ID = /^[0-9a-f]{64}$/;
const POLL_MS = 500;
const DEFAULT_WAIT_MS = 60_000;

interface EraseOptions {
  readonly yes?: boolean;
  readonly wait?: number;
  readonly idempotencyKey?: string;
}

/** `ctl erase <customer_id>`, `ctl erasure <id>` */
export function addErase(program: Command, { session }: Runtime): void {
  program
    .command('erase')
    .description('erase a customer: delete the rows, redact dead letters, and say what remains until when')
    .argument('<customer_id>', 'id of the customer (64 hex digits); only a hash of it is stored')
    .option('--yes', 'do not ask')
    .option(
      '--wait <duration>',
      'how long to wait for the end (default: 1m); it goes on without this command',
      duration,
    )
    .option('--idempotency-key <key>', 'the key of an earlier try: a repetition then begins no second erasure')
    .action(async (customerId: string, { yes, wait = DEFAULT_WAIT_MS, idempotencyKey }: EraseOptions) => {
      if (!CUSTOMER_ID.test(customerId)) {
        throw new UsageError('The id of a customer has 64 hex digits, in lower case. Nothing was sent.');
      }
      const current = session();
      if (yes !== true && !(await current.confirm(`Erase the customer ${customerId}? This cannot be undone.`))) {
        current.note('Nothing was erased.');
        current.exitCode = EXIT_CODES.rejected.code;
        return;
      }
      const { id } = await create(current, customerId, idempotencyKey ?? randomUUID());
      // The way back to it, whatever ends this command.
      current.note(`Erasure ${id} has begun. It goes on without this command: ctl erasure ${id}`);
      const until = performance.now() + wait;
      for (;;) {
        const erasure = await read(current, id);
        if (erasure.state !== 'running') {
          if (erasure.state !== 'finished') current.exitCode = EXIT_CODES.rejected.code;
          print(current, erasure);
          return;
        }
        if (performance.now() >= until) {
          throw new TimedOutError(`The erasure has not ended yet, and goes on. Look at it with: ctl erasure ${id}`);
        }
        await delay(POLL_MS, undefined, { signal: current.terminal.signal }).catch(() => undefined);
      }
    });
  program
    .command('erasure')
    .description('show an erasure with its receipt')
    .argument('<id>', 'its id')
    .action(async (id: string) => {
      const current = session();
      print(current, await read(current, id));
    });
}

async function create(session: Session, customerId: string, key: string): Promise<Erasure> {
  try {
    const options = { body: { customerId }, headers: { 'idempotency-key': key } };
    return (await session.console.request('POST', '/admin/erasures', erasureSchema, options)).body;
  } catch (error) {
    if (mayHaveSucceeded(error)) {
      session.note(`Repeat the command with --idempotency-key ${key}: it cannot begin a second erasure.`);
    }
    throw error;
  }
}

const read = async (session: Session, id: string): Promise<Erasure> =>
  (await session.console.get(`/admin/erasures/${encodeURIComponent(id)}`, erasureSchema)).body;

const print = (session: Session, erasure: Erasure): void => {
  const { id, customer, state, createdBy, createdAt, deadline, steps } = erasure;
  session.result(erasure, () => {
    const fields = renderFields([
      ['erasure', id],
      ['customer', customer],
      ['state', state],
      ['by', `${createdBy ?? ''}, ${createdAt ?? ''}`],
      ['deadline', deadline],
    ]);
    return `${fields}\n\n${session.table(COLUMNS, steps, '(being counted)')}`;
  });
};

type Step = Erasure['steps'][number];

const COLUMNS: readonly Column<Step>[] = [
  { title: 'WHAT', value: ({ kind }) => kind },
  { title: 'NAME', value: ({ name }) => name, flexible: true },
  { title: 'STATE', value: ({ state }) => state },
  { title: 'FOUND', value: ({ found }) => found, align: 'right' },
  { title: 'ERASED', value: ({ erased }) => erased, align: 'right' },
  { title: 'UNTIL', value: ({ remainingUntil }) => remainingUntil },
  { title: 'NOTE', value: ({ note }) => note, flexible: true },
];
