import { type App } from '../stack/fault-stack';
import { unavailableTo } from './dependencies';
import { type FaultContext } from './fault';

/** A service that gets SIGTERM has drained and exited within this time. */
export const DRAIN_LIMIT_MS = 10_000;

/** As Google's service does, the emulator delivers everything that is in the subscription, however long that takes. */
const UNLIMITED: ReadonlySet<App> = new Set<App>(['subscription-emulator']);

/** How an instance ended after SIGTERM. */
export interface Shutdown {
  /** Undefined: it was not running. */
  readonly seconds: number | undefined;
  readonly detail: string;
  readonly broken: readonly string[];
}

/** Sends SIGTERM. The instance must exit by itself within the limit, with code 0. It stays down. */
export async function shutDown({ stack, claimed }: FaultContext, app: App, number = 1): Promise<Shutdown> {
  const instance = stack.instance(app, number);
  const termination = await instance.down();
  if (termination === undefined) return { seconds: undefined, detail: `${instance.name} was not running`, broken: [] };
  const { tookMs, exit } = termination;
  const seconds = tookMs / 1_000;
  const how = exit.code === 0 ? 'drained' : `ended by ${exit.signal ?? `code ${String(exit.code)}`}`;
  const detail = `${how} in ${seconds.toFixed(1)} s`;
  const isInTime = exit.code === 0 && tookMs <= DRAIN_LIMIT_MS;
  if (isInTime || UNLIMITED.has(app)) return { seconds, detail, broken: [] };
  const unavailable = unavailableTo(app, claimed);
  if (unavailable.length > 0) return { seconds, detail: `${detail} without ${unavailable.join(' and ')}`, broken: [] };
  return {
    seconds,
    detail,
    broken: [`${instance.name} ${detail}; it must exit within ${String(DRAIN_LIMIT_MS / 1_000)} s with code 0`],
  };
}

/** The slowest of several shutdowns, for the report. */
export function slowest(shutdowns: readonly Shutdown[]): Readonly<Record<string, number>> {
  const all = shutdowns.flatMap(({ seconds }) => (seconds === undefined ? [] : [seconds]));
  return all.length === 0 ? {} : { 'drain, s': Math.max(...all) };
}
