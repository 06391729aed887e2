import { BEGUN } from '@orderstream/service';
import { type AuditEntry } from './audit-log';
import { Outcomes } from './outcomes';

const REACH = 10;

/** The entries that are listed, of a log that is read backwards. */
function listed(log: readonly Partial<AuditEntry>[], gap = 1): readonly (string | undefined)[] {
  const outcomes = new Outcomes(REACH);
  return log
    .map((entry, at) => ({ entry: { ...ENTRY, ...entry }, offset: at * gap }))
    .reverse()
    .filter(({ entry, offset }) => !outcomes.take(entry, offset))
    .map(({ entry: { id } }) => id);
}
const ENTRY: AuditEntry = {
  id: '',
  ...{ at: '2026-03-01T00:00:00Z', actor: 'ann', role: 'operator', service: 'console', status: 200 },
  action: 'POST /admin/replays',
};

describe('the list of the audit', () => {
  it('has a command once, by its outcome, and one without an outcome by its beginning', () => {
    const log = [
      { id: 'a begun', requestId: 'a', status: BEGUN },
      { id: 'a', requestId: 'a' },
      { id: 'b begun', requestId: 'b', status: BEGUN },
    ];
    expect(listed(log)).toEqual(['b begun', 'a']);
  });

  const erasure = { action: 'erasure', subject: 'erasure.e' };

  it('has an erasure once, although its first entry has the id of the request, and each round has one', () => {
    const round = { ...erasure, status: BEGUN, requestId: 'e' };
    const log = [
      { ...erasure, id: 'created', status: BEGUN, requestId: 'of the request' },
      { ...round, id: 'counted' },
      { ...round, id: 'round 1' },
      { ...erasure, id: 'another', status: BEGUN, subject: 'erasure.f', requestId: 'f' },
      { ...erasure, id: 'finished', requestId: 'e' },
    ];
    expect(listed(log)).toEqual(['finished', 'another']);
    expect(listed(log.slice(0, 3))).toEqual(['round 1']);
  });

  it('does not leave out what lies further before its outcome than the list looks', () => {
    const log = [
      { ...erasure, id: 'created', status: BEGUN, requestId: 'r' },
      { ...erasure, id: 'finished', requestId: 'e' },
    ];
    expect(listed(log, REACH)).toEqual(['finished']);
    expect(listed(log, REACH + 1)).toEqual(['finished', 'created']);
  });
});
