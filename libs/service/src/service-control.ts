/** What `/admin/status`, `/admin/pause` and `/admin/resume` ask of a service. Provided under `SERVICE_CONTROL`. */
export interface ServiceControl {
  /** A JSON object: what an operator on duty and the local stack want to know. Answers at once. */
  status(): object | Promise<object>;
  /** Stops taking new work; what was taken is settled. Repeating it is no error. */
  pause(): Promise<void>;
  /** Goes on after `pause`, and tries partitions again that stopped. Repeating it is no error. */
  resume(): Promise<void>;
}
