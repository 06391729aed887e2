import { randomUUID } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { type Command } from 'commander';
import { z } from 'zod';
import { planSchema } from '../api/answers';
import { parseJson } from '../api/problem';
import { decimal, integer } from '../arguments';
import { mayHaveSucceeded, UsageError } from '../errors';
import { type Runtime, type Session } from '../session';
import { type FilterOptions, filterOf, withFilter } from './letter-filter';
import { planText } from './plan-text';
import { previewPlan } from './replay-steps';

const MIN_RATE = 0.1;
const MAX_RATE = 10_000;
const MAX_CANARY = 100_000;
/** The console accepts no larger request. */
const MAX_PATCH_BYTES = 64 * 1_024;

const patchSchema = z.array(z.looseObject({ op: z.string(), path: z.string() })).min(1);

interface CreateOptions extends FilterOptions {
  readonly topic: string;
  readonly edit?: string;
  readonly includeDuplicates?: boolean;
  readonly followers: boolean;
  readonly rate?: number;
  readonly canary?: number;
  readonly stopAbove?: number;
  readonly note?: string;
  readonly idempotencyKey?: string;
  readonly preview?: boolean;
}

export function addReplayCreate(group: Command, { session, now }: Runtime): void {
  withFilter(
    group
      .command('create')
      .description('create a plan: which dead letters, with which edit, how fast; nothing is sent yet')
      .requiredOption('--topic <topic>', 'the dead-letter topic'),
    now,
  )
    .option('--edit <file>', 'JSON Patch (RFC 6902) for each body; - reads it from standard input')
    .option('--include-duplicates', 'replay duplicate.* unedited, too')
    .option('--no-followers', 'leave out what was rejected because a chosen record was')
    .option('--rate <records/s>', 'rate limit (default of the server: 100)', decimal(MIN_RATE, MAX_RATE))
    .option('--canary <n>', 'return n records first, and go on when they did not come back', integer(1, MAX_CANARY))
    .option(
      '--stop-above <share>',
      'stop when more than this share comes back (default of the server: 0.5)',
      decimal(0, 1),
    )
    .option('--note <text>', 'why; it stands in the plan and in the audit')
    .option('--idempotency-key <key>', 'the key of an earlier try: a repetition then makes no second plan')
    .option('--preview', 'preview the plan at once')
    .action(async (options: CreateOptions) => {
      const current = session();
      const body = await bodyOf(options, current);
      const key = options.idempotencyKey ?? randomUUID();
      const { body: plan } = await withKey(key, current, () =>
        current.console.request('POST', '/admin/replays', planSchema, { body, headers: { 'idempotency-key': key } }),
      );
      if (options.preview === true) {
        current.note(`Plan ${plan.id} is created.`);
        await previewPlan(current, plan.id);
        return;
      }
      current.result(plan, () => `${planText(plan)}\n\nNext: ctl replay preview ${plan.id}`);
    });
}

/** A creation without an answer may have succeeded on the server: with the same key, a repetition is safe. */
async function withKey<T>(key: string, session: Session, create: () => Promise<T>): Promise<T> {
  try {
    return await create();
  } catch (error) {
    if (mayHaveSucceeded(error)) {
      session.note(`Repeat the command with --idempotency-key ${key}: it cannot make a second plan.`);
    }
    throw error;
  }
}

async function bodyOf(options: CreateOptions, session: Session): Promise<object> {
  const { topic, edit, includeDuplicates, followers, rate, canary, stopAbove, note } = options;
  return {
    topic,
    filter: filterOf(options),
    ...(edit === undefined ? {} : { edit: await readPatch(edit, session) }),
    includeDuplicates,
    followers,
    ratePerSecond: rate,
    canary,
    stopAboveShare: stopAbove,
    note,
  };
}

async function readPatch(path: string, { terminal }: Session): Promise<unknown> {
  const text = path === '-' ? await terminal.input.all(MAX_PATCH_BYTES) : readFile(path);
  const parsed = patchSchema.safeParse(parseJson(text));
  if (parsed.success) return parsed.data;
  throw new UsageError(
    `${path === '-' ? 'Standard input' : path} is not a JSON Patch: expected an array such as [{"op": "replace", "path": "/item_price", "value": "9.99"}].`,
  );
}

function readFile(path: string): string {
  try {
    if (statSync(path).size <= MAX_PATCH_BYTES) return readFileSync(path, 'utf8');
  } catch (error) {
    throw new UsageError(`${path} cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  }
  throw new UsageError(`${path} is larger than ${MAX_PATCH_BYTES} bytes.`);
}
