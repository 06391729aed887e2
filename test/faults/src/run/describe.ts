import { type Recovery } from './recovery';
import { type InjectedFault } from './results';
import { type Verdict } from './verdict';

export function describeVerdict({
  accounts,
  counterDifferences,
  stalled,
  wronglyRejected,
  ofUnknownOrigin,
  lostByPubSub,
}: Verdict): string {
  const { generated, missing, duplicated, outOfOrder, unexplained, wrongVerdicts } = accounts;
  const { planted, passedOver, foreign, rejected, redelivered } = accounts;
  return [
    `${String(generated)} records, lost ${String(missing)}, doubled ${String(duplicated)}, out of order ${String(outOfOrder)}, unexplained ${String(unexplained)}, wrong verdicts ${String(wrongVerdicts)}`,
    `rejected ${String(rejected)}, redelivered ${String(redelivered)}, poison ${String(planted)}`,
    ...(passedOver === 0 ? [] : [`passed over by the operator ${String(passedOver)}`]),
    ...(wronglyRejected === 0 ? [] : [`dead-lettered by the sink without a rejection ${String(wronglyRejected)}`]),
    ...(ofUnknownOrigin === 0 ? [] : [`foreign ${String(foreign)}, of unknown origin ${String(ofUnknownOrigin)}`]),
    ...(lostByPubSub === 0 ? [] : [`lost by Pub/Sub and published again ${String(lostByPubSub)}`]),
    ...counterDifferences,
    ...(stalled === undefined ? [] : [stalled]),
  ].join('; ');
}

export function describeInjected({ fault, outcome, seconds, recoveries, failures }: InjectedFault): string {
  const { detail } = outcome;
  return [
    `${fault.name} (${seconds.toFixed(1)} s${detail === undefined ? '' : `, ${detail}`})`,
    ...recoveries.map(describeRecovery),
    ...failures.map((failure) => `FAILED: ${failure}`),
  ].join('; ');
}

function describeRecovery({ name, movedSeconds, caughtUpSeconds, backlog }: Recovery): string {
  const moved = `${name} moved after ${movedSeconds.toFixed(1)} s`;
  return caughtUpSeconds === undefined || backlog === undefined
    ? moved
    : `${moved}, ${String(backlog)} records caught up after ${caughtUpSeconds.toFixed(1)} s`;
}

/** An error and its causes. */
export function textOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause === undefined ? error.message : `${error.message} (${textOf(error.cause)})`;
}
