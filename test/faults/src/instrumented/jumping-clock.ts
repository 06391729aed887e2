import { jumpNotice } from './jump-notice';

/**
 * Loaded before a service (`node --require`). At each SIGUSR2 the wall clock of the process jumps to the next of
 * CLOCK_OFFSETS_MS. Monotonic clocks (performance.now, timers) do not change.
 */
const offsets = (process.env.CLOCK_OFFSETS_MS ?? '').split(',').map(Number);
const RealDate = Date;
const realNow = Date.now.bind(Date);
let jumps = 0;
let offsetMs = 0;

const now = (): number => realNow() + offsetMs;
RealDate.now = now;
globalThis.Date = new Proxy(RealDate, {
  construct: (target, args: unknown[], newTarget) =>
    Reflect.construct(
      target,
      args.length === 0 ? [now()] : args,
      newTarget === globalThis.Date ? target : newTarget,
    ) as Date,
  apply: () => new RealDate(now()).toString(),
});

process.on('SIGUSR2', () => {
  offsetMs = offsets[jumps++ % offsets.length] ?? 0;
  process.stderr.write(`${jumpNotice(process.pid, jumps)} ${new Date().toISOString()}\n`);
});
