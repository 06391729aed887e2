export { DeadlineError } from './deadline-error';
export { waitUntil, type WaitOptions } from './wait-until';
