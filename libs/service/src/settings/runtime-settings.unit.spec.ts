import { by, settingsOf } from '../../test/settings-of';
import { type AuditEntry } from '../audit/audit-entry';
import { OperatorLogError } from '../operator-log/errors';
import { MemoryOperatorLog } from '../operator-log/memory-operator-log';
import { RevisionStaleError } from './revision-error';

const audited = (log: MemoryOperatorLog): readonly AuditEntry[] =>
  log.audited.map((entry) => JSON.parse(entry.toString()) as AuditEntry);

describe('settings at run time', () => {
  it('rejects a change of another revision, and changes and audits nothing', async () => {
    const log = new MemoryOperatorLog();
    const settings = settingsOf(log);
    await settings.start();
    const { revision } = await settings.change({ subject: 'a', value: 1, expected: 0, audit: by('ann') });
    for (const expected of [0, revision + 1]) {
      const stale = settings.change({ subject: 'a', value: 2, expected, audit: by('bob') });
      await expect(stale).rejects.toThrow(
        `a has the revision ${String(revision)}, set by ann, not ${String(expected)}`,
      );
      await expect(stale).rejects.toBeInstanceOf(RevisionStaleError);
    }
    expect(settings.get('a')).toMatchObject({ value: 1, revision, changedBy: 'ann' });
    expect(audited(log)).toMatchObject([{ actor: 'ann', subject: 'a', before: null, after: 1, status: 200 }]);
  });

  it('changes whatever revision is there when none is given', async () => {
    const settings = settingsOf(new MemoryOperatorLog());
    await settings.start();
    await settings.change({ subject: 'a', value: 1, expected: undefined, audit: by('ann') });
    await settings.change({ subject: 'a', value: 2, expected: undefined, audit: by('bob') });
    expect(settings.get('a')).toMatchObject({ value: 2, changedBy: 'bob' });
  });

  it('is not current before all settings are read, or when they are not followed any more', async () => {
    const log = new MemoryOperatorLog();
    const settings = settingsOf(log);
    expect(settings.problem).toBe('reading the settings');
    await settings.start();
    expect(settings.problem).toBeUndefined();
    Object.assign(log, { failed: new Error('the log begins later') });
    expect(settings.problem).toContain('the log begins later');
  });

  it('ignores what is no setting, and keeps what it knew', async () => {
    const log = new MemoryOperatorLog();
    const settings = settingsOf(log);
    await settings.start();
    await settings.change({ subject: 'a', value: 1, expected: 0, audit: by('ann') });
    const write = (value: string) =>
      log.append(
        () => ({ subject: 'a', value: Buffer.from(value), audit: Buffer.from('{}') }),
        new AbortController().signal,
      );
    for (const value of ['{', '5', '{"value":5}', '{"value":5,"changedBy":"x","changedAt":"now","changeId":"1"}'])
      await write(value);
    expect(settings.get('a')).toMatchObject({ value: 1, changedBy: 'ann' });
  });

  it('answers within its deadline when the log does not, and writes nothing afterwards', async () => {
    const log = new MemoryOperatorLog();
    const blocked = Promise.withResolvers<undefined>();
    const append = log.append.bind(log);
    jest.spyOn(log, 'append').mockImplementation(async (decide, signal) => {
      await blocked.promise;
      return append(decide, signal);
    });
    const settings = settingsOf(log, 20);
    await settings.start();
    const first = settings.change({ subject: 'a', value: 1, expected: 0, audit: by('ann') });
    const behind = settings.change({ subject: 'a', value: 2, expected: 0, audit: by('bob') });
    await expect(first).rejects.toBeInstanceOf(OperatorLogError);
    await expect(behind).rejects.toBeInstanceOf(OperatorLogError);
    blocked.resolve(undefined);
    // The next one comes after both.
    await settings.change({ subject: 'b', value: 3, expected: 0, audit: by('cid') });
    expect(settings.all().map(({ subject }) => subject)).toEqual(['b']);
    expect(audited(log).map(({ actor }) => actor)).toEqual(['cid']);
  });

  it('bounds the changes that wait', async () => {
    const log = new MemoryOperatorLog();
    jest.spyOn(log, 'append').mockImplementation(() => new Promise(() => undefined));
    const settings = settingsOf(log, 50);
    await settings.start();
    const changes = await Promise.allSettled(
      Array.from({ length: 20 }, () => settings.change({ subject: 'a', value: 1, expected: 0, audit: by('ann') })),
    );
    const reasons = changes.map((outcome) => (outcome.status === 'rejected' ? String(outcome.reason) : 'changed'));
    expect(reasons.filter((reason) => reason.includes('Too many changes wait'))).toHaveLength(4);
    expect(reasons).not.toContain('changed');
  });
});
