/** The service behind `/admin/status`, `/admin/pause` and `/admin/resume`. Provided under `SERVICE_CONTROL`. */
export interface ServiceControl {
  /** The status as a JSON object, for operators and the local stack. Answers from memory. */
  status(): object | Promise<object>;
  /** Stops taking new work; work in progress is settled. Idempotent. */
  pause(): Promise<void>;
  /**
   * Resumes after `pause`, and retries stopped partitions. Idempotent.
   *
   * @param body of the class that the service gives as `AdminEndpoints.resume`, validated; without one it is empty
   */
  resume(body?: object): Promise<void>;
}
