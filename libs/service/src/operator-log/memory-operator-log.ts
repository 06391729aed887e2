import { type OperatorLog, type StoredChange, type StoredSetting } from './operator-log';

/** Keeps settings and audit in this process: for a service without Kafka. Several followers share one. */
export class MemoryOperatorLog implements OperatorLog {
  readonly failed = undefined;
  readonly audited: Buffer[] = [];
  private readonly settings: StoredSetting[] = [];
  private readonly followers: ((setting: StoredSetting) => void)[] = [];

  follow(onSetting: (setting: StoredSetting) => void): Promise<void> {
    for (const setting of this.settings) onSetting(setting);
    this.followers.push(onSetting);
    return Promise.resolve();
  }

  append(decide: () => StoredChange | undefined, signal: AbortSignal): Promise<void> {
    return Promise.resolve().then(() => {
      signal.throwIfAborted();
      const change = decide();
      if (change === undefined) return;
      const { subject, value, audit } = change;
      const setting = { subject, value, revision: this.settings.length + 1 };
      this.settings.push(setting);
      this.audited.push(audit);
      for (const follower of this.followers) follower(setting);
    });
  }

  audit(entries: readonly Buffer[]): Promise<void> {
    this.audited.push(...entries);
    return Promise.resolve();
  }

  stop(): Promise<void> {
    return Promise.resolve();
  }
}
