/**
 * Milliseconds to wait after a failure: what its outcome asks for, doubled for each failure before it since the partition
 * last made progress, up to `maxMs`; the upper half of that is jitter, so that partitions which failed together do not
 * come back together. Who asks for no wait gets one of 1 ms: it is doubled too.
 *
 * @param random from 0 to 1
 */
export function retryDelay(afterMs: number, failuresBefore: number, maxMs: number, random: number): number {
  const ms = Math.min(Math.max(afterMs, 1) * 2 ** Math.min(failuresBefore, 16), maxMs);
  return ms / 2 + (random * ms) / 2;
}
