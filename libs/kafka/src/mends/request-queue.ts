import { loadFromKafkajs } from '../client/kafkajs-internals';

interface RequestQueue {
  throttleCheckTimeoutId: NodeJS.Timeout | null;
  throttledUntil: number;
  pending: unknown[];
  checkPendingRequests(): void;
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

Object.assign(queue.prototype, { scheduleCheckPendingRequests });
