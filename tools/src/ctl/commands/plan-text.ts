import { type Plan, type Preview } from '../api/answers';
import { type Colour } from '../output/colours';
import { formatCount, renderFields } from '../output/table';

/** Members of the progress that are not the count of an outcome. */
const NOT_OUTCOMES = ['total', 'cameBack', 'currentRatePerSecond'];
/** States that nothing changes any more. */
const ENDED = ['finished', 'cancelled', 'stopped', 'failed'];
export const FINISHED = 'finished';

export const hasEnded = ({ state }: Plan): boolean => ENDED.includes(state);

export function stateColour({ state }: Plan): Colour | undefined {
  if (state === FINISHED) return 'green';
  if (state === 'failed' || state === 'stopped') return 'red';
  return state === 'running' ? undefined : 'yellow';
}

/** Receipts so far by outcome: `returned`, `parked`, …; the server decides which there are. */
function outcomesOf({ progress }: Plan): readonly (readonly [outcome: string, count: number])[] {
  return Object.entries(progress ?? {}).flatMap(([name, value]): (readonly [string, number])[] =>
    typeof value === 'number' && !NOT_OUTCOMES.includes(name) ? [[name, value]] : [],
  );
}

export function doneOf(plan: Plan): number {
  return outcomesOf(plan).reduce((sum, [, count]) => sum + count, 0);
}

export function progressOf(
  { progress }: Plan,
  name: 'total' | 'cameBack' | 'currentRatePerSecond',
): number | undefined {
  const value = progress?.[name];
  return typeof value === 'number' ? value : undefined;
}

/** `returned 4,990, parked 10, came back 3` */
export function outcomeText(plan: Plan): string {
  const counts = [...outcomesOf(plan), ['came back', progressOf(plan, 'cameBack') ?? 0] as const];
  return counts
    .filter(([, count]) => count > 0)
    .map(([name, count]) => `${name} ${formatCount(count)}`)
    .join(', ');
}

/** A plan for people: what it chooses, what its preview found, how far it is. */
export function planText(plan: Plan): string {
  const { preview, error } = plan;
  const total = progressOf(plan, 'total');
  return [
    renderFields([
      ['plan', plan.id],
      ['state', plan.state],
      ['topic', plan.topic],
      ['filter', filterText(plan)],
      ['edit', plan.edit == null || plan.edit.length === 0 ? undefined : JSON.stringify(plan.edit)],
      ['note', plan.note],
      ['created', [plan.createdAt, plan.createdBy].filter((part) => part != null).join(' by ')],
      ['waits for', plan.waitingFor],
      [
        'progress',
        total === undefined || total === 0 ? undefined : `${formatCount(doneOf(plan))} of ${formatCount(total)}`,
      ],
      ['receipts', outcomeText(plan)],
      ['ended', plan.endedAt],
      ['outcome', plan.outcome === error?.detail ? undefined : plan.outcome],
      ['error', error == null ? undefined : [error.detail, error.type].filter((part) => part != null).join(' ')],
    ]),
    ...(preview == null ? [] : ['', previewText(preview)]),
  ].join('\n');
}

/** What a preview found. */
function previewText({ at, letters, followers, total, dryRun, warnings, samples, settings, sources }: Preview): string {
  const passes = dryRun == null ? undefined : `${formatCount(dryRun.passes)} of ${formatCount(total)}`;
  const fails = (dryRun?.fails ?? []).map(({ code, count }) => `${code} ${formatCount(count)}`).join(', ');
  const sampleIds = (samples ?? []).map((sample) => (typeof sample === 'string' ? sample : sample.id));
  return [
    renderFields([
      ['previewed', at],
      ['rules', settings == null ? undefined : `${settings.version}, settings revision ${String(settings.revision)}`],
      ['letters', formatCount(letters)],
      ['followers', followers == null ? undefined : formatCount(followers)],
      ['total', formatCount(total)],
      ['would pass', passes],
      ['would fail', fails],
      ['undecided', dryRun?.undecided == null || dryRun.undecided === 0 ? undefined : formatCount(dryRun.undecided)],
      ...(sources ?? []).map((source): readonly [string, string] => ['returns to', sourceText(source)]),
      ...sampleIds.slice(0, 5).map((id): readonly [string, string] => ['sample', id]),
      ...(warnings ?? []).map((warning): readonly [string, string] => ['warning', warning]),
    ]),
  ].join('\n');
}

/** `invoices 120`, `payments 3 (none: payments does not exist)` */
function sourceText({ topic, letters, problem }: NonNullable<Preview['sources']>[number]): string {
  const name = topic === '' ? '(unknown)' : topic;
  return `${name} ${formatCount(letters)}${problem == null ? '' : ` (none: ${problem})`}`;
}

function filterText({ filter }: Plan): string {
  const texts = Object.entries(filter ?? {}).map(
    ([name, value]) => `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`,
  );
  return texts.length === 0 ? 'every dead letter' : texts.join(' ');
}
