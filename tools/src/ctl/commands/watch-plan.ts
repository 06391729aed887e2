import { type AdminClient } from '../api/admin-client';
import { type Plan, planSchema } from '../api/answers';
import { parseJson } from '../api/problem';
import { InterruptedError, ProblemError, TimedOutError, UnreachableError } from '../errors';
import { ProgressBar } from '../output/progress-bar';
import { type Session } from '../session';
import { doneOf, outcomeText, progressOf } from './plan-text';

/** A console that sends nothing for so long is asked instead. */
const SILENCE_MS = 30_000;
const POLL_MS = 1_000;
/** A console that is restarted answers again within this. */
const UNREACHABLE_MS = 60_000;

export interface WatchOptions {
  /** Completes "Waited 10 min for …". */
  readonly what: string;
  readonly until: (plan: Plan) => boolean;
  /** Undefined: as long as it takes. */
  readonly deadlineMs?: number | undefined;
}

/**
 * Follows a plan, with a progress bar on standard error, until a condition holds: by server-sent events, or, where these end
 * or fail, by asking each second. A console that is restarted meanwhile is waited for.
 *
 * @returns the plan for which the condition held
 * @throws TimedOutError at the deadline, UnreachableError, ProblemError, InterruptedError
 */
export async function watchPlan(session: Session, id: string, options: WatchOptions): Promise<Plan> {
  const { now } = session.terminal;
  const deadline = options.deadlineMs === undefined ? undefined : now() + options.deadlineMs;
  const bar = new ProgressBar(session.terminal.err);
  try {
    for await (const plan of planChanges(session, id, deadline)) {
      show(bar, plan);
      if (options.until(plan)) return plan;
      if (deadline !== undefined && now() >= deadline) throw overdue(id, plan, options.what);
    }
    throw overdue(id, undefined, options.what);
  } finally {
    bar.end();
  }
}

function overdue(id: string, plan: Plan | undefined, what: string): TimedOutError {
  const state = plan === undefined ? '' : ` It is ${plan.state}.`;
  return new TimedOutError(
    `Plan ${id} did not get to its ${what} before the deadline.${state} It goes on: ctl replay watch ${id}`,
  );
}

function show(bar: ProgressBar, plan: Plan): void {
  bar.update({
    title: `replay ${plan.id}  ${plan.state}`,
    done: doneOf(plan),
    total: progressOf(plan, 'total') ?? plan.preview?.total ?? 0,
    perSecond: progressOf(plan, 'currentRatePerSecond'),
    remark: [plan.waitingFor == null ? '' : `waits for ${plan.waitingFor}`, outcomeText(plan)]
      .filter((part) => part !== '')
      .join(', '),
  });
}

/** The plan now, and after each change. Ends only at the deadline. */
async function* planChanges(session: Session, id: string, deadline: number | undefined): AsyncGenerator<Plan> {
  const { console: client, terminal } = session;
  const path = `/admin/replays/${id}`;
  yield (await client.get(path, planSchema)).body;
  yield* streamed(client, `${path}/events`, remaining(deadline, terminal.now()));
  let unreachableSince: number | undefined;
  while (deadline === undefined || terminal.now() < deadline) {
    try {
      yield (await client.get(path, planSchema)).body;
      unreachableSince = undefined;
    } catch (error) {
      if (!mayPass(error)) throw error;
      unreachableSince ??= terminal.now();
      if (terminal.now() - unreachableSince > UNREACHABLE_MS) throw error;
    }
    // Interrupted: the next request says so.
    await terminal.delay(POLL_MS);
  }
}

/** The plans of a stream of events; ends without an error when the stream ends or fails. */
async function* streamed(client: AdminClient, path: string, remainingMs: number): AsyncGenerator<Plan> {
  try {
    for await (const { event, data } of client.events(path, Math.min(SILENCE_MS, remainingMs))) {
      const plan = event === 'plan' ? planSchema.safeParse(parseJson(data)) : undefined;
      if (plan?.success === true) yield plan.data;
    }
  } catch (error) {
    if (error instanceof InterruptedError) throw error;
    // Asking each second shows whether the console is there at all.
  }
}

function remaining(deadline: number | undefined, now: number): number {
  return deadline === undefined ? Number.POSITIVE_INFINITY : Math.max(1, deadline - now);
}

/** Whether the same request may succeed later: the console is restarted or starting. */
function mayPass(error: unknown): boolean {
  if (error instanceof UnreachableError || error instanceof TimedOutError) return true;
  return error instanceof ProblemError && error.problem.status >= 500;
}
