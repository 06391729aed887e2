import { clientTotals } from '../client/client-totals';
import { loadFromKafkajs } from '../client/kafkajs-internals';

interface RequestQueue {
  throttleCheckTimeoutId: NodeJS.Timeout | null;
  throttledUntil: number;
  pending: unknown[];
  checkPendingRequests(): void;
}

interface TimedQueue {
  readonly inflight: ReadonlyMap<number, SocketRequest>;
  readonly requestTimeout: number;
  readonly enforceRequestTimeout: boolean;
  requestTimeoutIntervalId: NodeJS.Timeout | undefined;
  isConnected(): boolean;
  destroy(): void;
}

interface SocketRequest {
  readonly requestTimeout: number;
  timeoutRequest(): void;
}

const CHECK_INTERVAL_MS = 10;

const queue = loadFromKafkajs('kafkajs/src/network/requestQueue/index.js') as { prototype: object };

/** The function of kafkajs, for the test that shows its defect. */
export const originalScheduleCheckPendingRequests = (
  queue.prototype as { scheduleCheckPendingRequests: (this: RequestQueue) => void }
).scheduleCheckPendingRequests;

/**
 * Sets a timer only while requests are pending. After each response the original sets a timer of (throttledUntil - now),
 * a large negative number, even when nothing is pending: TimeoutNegativeWarning on Node 24, and one timer per millisecond
 * until the process exits.
 */
export function scheduleCheckPendingRequests(this: RequestQueue): void {
  if (this.throttleCheckTimeoutId !== null || this.pending.length === 0) return;
  const throttledForMs = this.throttledUntil - Date.now();
  this.throttleCheckTimeoutId = setTimeout(
    () => {
      this.throttleCheckTimeoutId = null;
      this.checkPendingRequests();
    },
    throttledForMs > 0 ? throttledForMs : CHECK_INTERVAL_MS,
  );
}

const TIMEOUT_CHECK_INTERVAL_MS = 100;

/**
 * Measures request timeouts with a monotonic clock. The original uses the wall clock: set forward, it makes every request
 * of every connection time out at once; set back, it makes none time out until the clock has caught up.
 */
function scheduleRequestTimeoutCheck(this: TimedQueue): void {
  if (!this.enforceRequestTimeout) return;
  this.destroy();
  const seenAt = new WeakMap<SocketRequest, number>();
  this.requestTimeoutIntervalId = setInterval(
    () => {
      const now = performance.now();
      for (const request of this.inflight.values()) {
        const since = seenAt.get(request);
        if (since === undefined) seenAt.set(request, now);
        else if (now - since > request.requestTimeout) request.timeoutRequest();
      }
      if (!this.isConnected()) this.destroy();
    },
    Math.min(this.requestTimeout, TIMEOUT_CHECK_INTERVAL_MS),
  );
}

type MaybeThrottle = (this: object, clientSideThrottleTime: number | null) => void;
const originalMaybeThrottle = (queue.prototype as { maybeThrottle: MaybeThrottle }).maybeThrottle;

/** Counts the time for which a broker asks the client not to send, in its answer to a request that used up a quota. */
function maybeThrottle(this: object, clientSideThrottleTime: number | null): void {
  clientTotals.throttledMs += Math.max(clientSideThrottleTime ?? 0, 0);
  originalMaybeThrottle.call(this, clientSideThrottleTime);
}

Object.assign(queue.prototype, { scheduleCheckPendingRequests, scheduleRequestTimeoutCheck, maybeThrottle });
