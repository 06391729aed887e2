import { type App } from '../stack/fault-stack';
import { takenFrom } from './dependence';
import { type Scene } from './fault';

/** Within this a service that is told to end has settled what it took and is gone. */
export const DRAIN_LIMIT_MS = 10_000;

/** Google does this part: the emulator empties its subscription before it goes, however much there is. */
const UNLIMITED: ReadonlySet<App> = new Set<App>(['subscription-emulator']);

/** How an instance took a SIGTERM. */
export interface Departure {
  /** Undefined: it did not run. */
  readonly seconds: number | undefined;
  readonly detail: string;
  /** What it should have done otherwise. */
  readonly broken: readonly string[];
}

/** SIGTERM; it has to be gone within the limit, by itself and with exit code 0. It stays down. */
export async function leave({ stack, claimed }: Scene, app: App, number = 1): Promise<Departure> {
  const instance = stack.instance(app, number);
  const termination = await instance.down();
  if (termination === undefined) return { seconds: undefined, detail: `${instance.name} was not running`, broken: [] };
  const { tookMs, exit } = termination;
  const seconds = tookMs / 1_000;
  const how = exit.code === 0 ? 'drained' : `ended by ${exit.signal ?? `code ${String(exit.code)}`}`;
  const detail = `${how} in ${seconds.toFixed(1)} s`;
  const inTime = exit.code === 0 && tookMs <= DRAIN_LIMIT_MS;
  if (inTime || UNLIMITED.has(app)) return { seconds, detail, broken: [] };
  const taken = takenFrom(app, claimed);
  if (taken.length > 0) return { seconds, detail: `${detail} without ${taken.join(' and ')}`, broken: [] };
  return {
    seconds,
    detail,
    broken: [`${instance.name} ${detail}: within ${String(DRAIN_LIMIT_MS / 1_000)} s and with code 0 it had to be`],
  };
}

/** The slowest of several, as a number for the report. */
export function slowest(departures: readonly Departure[]): Readonly<Record<string, number>> {
  const all = departures.flatMap(({ seconds }) => (seconds === undefined ? [] : [seconds]));
  return all.length === 0 ? {} : { 'drain, s': Math.max(...all) };
}
