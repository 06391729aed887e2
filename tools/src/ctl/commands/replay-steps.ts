import { Argument, type Command } from 'commander';
import { type Plan, planSchema } from '../api/answers';
import { duration, planId } from '../arguments';
import { NotDoneError, ProblemError } from '../errors';
import { EXIT_CODES } from '../exit-codes';
import { formatCount } from '../output/table';
import { type Runtime, type Session } from '../session';
import { FINISHED, hasEnded, planText } from './plan-text';
import { watchPlan } from './watch-plan';

/** A million letters take some minutes. */
const PREVIEW_DEADLINE_MS = 600_000;

interface StartOptions {
  readonly yes?: boolean;
  readonly watch?: boolean;
  readonly deadline?: number;
}

export const planArgument = (): Argument => new Argument('<plan>', 'id of the plan').argParser(planId);

/** The commands that move a plan through its states, and `watch`. */
export function addReplaySteps(group: Command, { session }: Runtime): void {
  group
    .command('preview')
    .description("choose the plan's letters and evaluate them by today's rules; nothing is sent yet")
    .addArgument(planArgument())
    .option('--deadline <duration>', 'how long to wait for it (default: 10m)', duration)
    .action(async (id: string, { deadline }: { readonly deadline?: number }) => {
      await previewPlan(session(), id, deadline);
    });

  group
    .command('start')
    .description('start a previewed plan, or go on with a paused one')
    .addArgument(planArgument())
    .option('--yes', 'do not ask')
    .option('--watch', 'follow it to its end, with a progress bar')
    .option('--deadline <duration>', 'with --watch: how long to wait (default: no limit)', duration)
    .action(async (id: string, options: StartOptions) => {
      await startPlan(session(), id, options);
    });

  for (const [step, done, description] of [
    ['pause', 'is paused', 'pause a plan: what was returned stays, start goes on'],
    ['cancel', 'is cancelled', 'end a plan: what was returned stays, nothing else is sent'],
  ] as const) {
    group
      .command(step)
      .description(description)
      .addArgument(planArgument())
      .action(async (id: string) => {
        const current = session();
        const { body } = await current.console.request('POST', `/admin/replays/${id}/${step}`, planSchema, {
          body: {},
        });
        current.result(body, () => `Plan ${id} ${done}.\n\n${planText(body)}`);
      });
  }

  group
    .command('watch')
    .description('follow a plan to its end, with a progress bar')
    .addArgument(planArgument())
    .option('--deadline <duration>', 'how long to wait (default: no limit)', duration)
    .action(async (id: string, { deadline }: { readonly deadline?: number }) => {
      await followToEnd(session(), id, deadline);
    });
}

/** Previews a plan and prints what it found. */
export async function previewPlan(session: Session, id: string, deadlineMs = PREVIEW_DEADLINE_MS): Promise<void> {
  const { body } = await session.console.request('POST', `/admin/replays/${id}/preview`, planSchema, { body: {} });
  const plan = isPreviewing(body)
    ? await watchPlan(session, id, { what: 'preview', deadlineMs, until: (changed) => !isPreviewing(changed) })
    : body;
  session.result(plan, () => {
    const text = planText(plan);
    if (plan.state !== 'ready') return text;
    return plan.preview?.total === 0
      ? `${text}\n\nThe plan has no letters: there is nothing to start. What there is: ctl dead-letters groups --topic ${plan.topic}`
      : `${text}\n\nNext: ctl replay start ${id} --watch`;
  });
  if (plan.state !== 'ready') {
    session.note(`The preview did not succeed: the plan is ${plan.state}.`);
    session.exitCode = EXIT_CODES.rejected.code;
  }
}

const isPreviewing = ({ state }: Plan): boolean => state === 'previewing';

const IDLE = ['draft', 'ready', 'paused'];
/** Nothing happens to the plan until someone previews or starts it. */
const isIdle = ({ state }: Plan): boolean => IDLE.includes(state);

async function startPlan(session: Session, id: string, { yes, watch, deadline }: StartOptions): Promise<void> {
  const { console: client, colours } = session;
  const path = `/admin/replays/${id}`;
  const { body: plan, etag } = await client.get(path, planSchema);
  if (yes !== true) {
    session.note(planText(plan));
    const count = plan.preview == null ? 'the letters' : `${formatCount(plan.preview.total)} letters`;
    const question = colours.paint(`Start the replay of ${count} of ${plan.topic}?`, 'bold');
    if (!(await session.confirm(question))) throw new NotDoneError('Nothing was started.');
  }
  const started = await client
    // What was shown is what is started: a plan that changed meanwhile is not.
    .request('POST', `${path}/start`, planSchema, { body: {}, headers: { 'if-match': etag ?? `"${plan.revision}"` } })
    .catch((error: unknown) => {
      if (error instanceof ProblemError && error.problem.status === 412) {
        session.note(`Plan ${id} was changed while this command ran; nothing was started.`);
      }
      throw error;
    });
  if (watch === true) {
    await followToEnd(session, id, deadline);
    return;
  }
  session.result(started.body, () => `Plan ${id} is ${started.body.state}.\n\nNext: ctl replay watch ${id}`);
}

async function followToEnd(session: Session, id: string, deadlineMs: number | undefined): Promise<void> {
  const plan = await watchPlan(session, id, {
    what: 'end',
    deadlineMs,
    until: (changed) => hasEnded(changed) || isIdle(changed),
  });
  session.result(plan, () => planText(plan));
  if (plan.state === FINISHED) return;
  const next = isIdle(plan) ? `Start it: ctl replay start ${id}` : `Its receipts: ctl replay receipts ${id}`;
  session.note(`The plan did not finish: it is ${plan.state}. ${next}`);
  session.exitCode = EXIT_CODES.rejected.code;
}
