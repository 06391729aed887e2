import { OrderstreamError } from '@orderstream/errors';

/** Another process is carrying out a daily run. */
export class DailyLockedError extends OrderstreamError {
  readonly code = 'DAILY_LOCKED';

  constructor(holder: string, location: string) {
    super(`Daily run ${holder} is under way in another process (${location}/locks/daily). Wait for its end.`);
  }
}

/** The lease of the daily run is lost: another process may have it. */
export class DailyLeaseLostError extends OrderstreamError {
  readonly code = 'DAILY_LEASE_LOST';
}

/** A batch run of the load did not succeed. */
export class DailyLoadError extends OrderstreamError {
  readonly code = 'DAILY_LOAD_FAILED';
}

/** dbt ended with an error. */
export class DailyBuildError extends OrderstreamError {
  readonly code = 'DAILY_BUILD_FAILED';
}

/** The daily aggregate is not what the raw tables have. */
export class DailyCheckError extends OrderstreamError {
  readonly code = 'DAILY_CHECK_FAILED';
}
