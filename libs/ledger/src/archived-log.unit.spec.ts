import { type ArchivedLog, logsBetween } from './archived-log';
import { type RawRecord } from './evidence';
import { type FamilyOffsets } from './snapshot';

const offsets = (committed: number, others: number): FamilyOffsets => ({
  committed: [committed],
  validated: [others],
  deadLetters: [others],
  rejectedBySink: [others],
  rejectedByBridge: [],
});
const record = (offset: number): RawRecord => ({
  offset,
  timestamp: offset,
  sha256: '',
  simulationId: `s-1:${offset}.0`,
  identity: '',
});
const archived = (committed: number, others: number): ArchivedLog => ({
  family: 'customers',
  offsets: offsets(committed, others),
  raw: [Array.from({ length: committed }, (_, offset) => record(offset))],
});

describe('the logs between two snapshots', () => {
  it('are the present one if none was deleted', () => {
    const [from, until] = [offsets(5, 10), offsets(9, 20)];
    expect(logsBetween([], 0, from, until)).toEqual([{ log: 0, from, until, raw: undefined }]);
    expect(logsBetween([archived(40, 8)], 1, from, until)).toEqual([{ log: 1, from, until, raw: undefined }]);
  });

  it('are the deleted ones from the first snapshot on, and the present one from its beginning', () => {
    const [from, until] = [offsets(5, 10), offsets(3, 40)];
    const logs = logsBetween([archived(8, 20), archived(4, 30)], 0, from, until);
    expect(logs).toMatchObject([
      { log: 0, from, until: offsets(8, 20) },
      { log: 1, from: offsets(0, 20), until: offsets(4, 30) },
      { log: 2, from: offsets(0, 30), until, raw: undefined },
    ]);
    expect(logs.map(({ raw }) => raw?.[0]?.map(({ offset }) => offset))).toEqual([[5, 6, 7], [0, 1, 2, 3], undefined]);
  });
});
