/** A record of the settings topic, as it is stored. */
export interface StoredSetting {
  readonly subject: string;
  readonly value: Buffer;
  /** The offset behind the record: above 0, and higher for each later record of any subject. */
  readonly revision: number;
}

/** A setting and the audit entry of its change. They are stored together or not at all. */
export interface StoredChange {
  readonly subject: string;
  readonly value: Buffer;
  readonly audit: Buffer;
}

/** What operators have changed, and the audit of what they did. Shared by all instances of all services. */
export interface OperatorLog {
  /** Reads the settings from the beginning. Resolves at the end that they have at the call, and follows them from then on. */
  follow(onSetting: (setting: StoredSetting) => void): Promise<void>;
  /** The error that ended the following; undefined while it goes on. */
  readonly failed: Error | undefined;
  /**
   * Writes what `decide` returns. `decide` is called when every setting that is stored has been passed to `onSetting`, and
   * no other instance can write between that and the commit. It may be called again; undefined: nothing is left to write.
   *
   * @param signal after it is aborted, nothing is written any more; a commit that runs already goes on
   * @throws what `decide` throws, which leaves everything unchanged; OperatorLogError
   */
  append(decide: () => StoredChange | undefined, signal: AbortSignal): Promise<void>;
  /** Resolves when the entries are stored. @throws OperatorLogError: each of them is stored once or not at all */
  audit(entries: readonly Buffer[]): Promise<void>;
  stop(): Promise<void>;
}
