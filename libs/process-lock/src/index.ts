export { LockHeldError } from './lock-held-error';
export { identify, isRunning, type ProcessIdentity } from './process-identity';
export { acquireLock } from './process-lock';
