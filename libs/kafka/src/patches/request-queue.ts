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

/** What kafkajs shipped; for the test that shows the warning. */
export const originalScheduleCheckPendingRequests = (
  queue.prototype as { scheduleCheckPendingRequests: (this: RequestQueue) => void }
).scheduleCheckPendingRequests;

/**
 * The original sets a timer of (throttledUntil - now), a large negative number, after each response even when nothing
 * is pending: TimeoutNegativeWarning on Node 24, and a timer per millisecond for the life of the process.
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
 * The original asks the wall clock how long a request has waited: set ahead, every request of every connection times out
 * at once; set back, none does for as long.
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

Object.assign(queue.prototype, { scheduleCheckPendingRequests, scheduleRequestTimeoutCheck });
