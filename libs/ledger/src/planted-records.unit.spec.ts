import { PlantedRecords } from './planted-records';

describe('planted records', () => {
  const record = (offset: number) => ({
    topic: 't',
    partition: 1,
    offset,
    kind: `at ${String(offset)}`,
    reason: undefined,
  });

  it('of two logs may have the same place', () => {
    const planted = new PlantedRecords();
    planted.add({ ...record(7), kind: 'old' });
    planted.startLog('t');
    planted.add({ ...record(7), kind: 'new' });
    expect([planted.size, planted.find('t', 0, 1, 7)?.kind, planted.find('t', 1, 1, 7)?.kind]).toEqual([
      2,
      'old',
      'new',
    ]);
  });

  it('since a place are those at or above it, and those of later logs', () => {
    const planted = new PlantedRecords([record(4), record(5)]);
    planted.startLog('t');
    planted.add(record(2));
    const since = (log: number, offset: number) =>
      Array.from(planted.since(() => ({ log, offset })).all(), (each) => each.offset);
    expect([since(0, 5), since(1, 0), since(1, 3)]).toEqual([[5, 2], [2], []]);
  });
});
