import type { SinkObserver } from '../src/streams/sink-observer';

/** For sinks whose metrics are not looked at. */
export const SILENT_OBSERVER: SinkObserver = {
  appending: () => undefined,
  appended: () => undefined,
  rejected: () => undefined,
  skipped: () => undefined,
  streamCreated: () => undefined,
  fellBack: () => undefined,
};
