import type { SinkObserver } from '../src/streams/sink-observer';

/** For tests that do not check metrics. */
export const SILENT_OBSERVER: SinkObserver = {
  appending: () => undefined,
  appended: () => undefined,
  rejected: () => undefined,
  skipped: () => undefined,
  streamCreated: () => undefined,
  fallbackTaken: () => undefined,
};
