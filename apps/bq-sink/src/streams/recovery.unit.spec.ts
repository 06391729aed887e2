import { NO_FAULTS } from './fault-points';
import { type Recovered, recover } from './recovery';
import type { Warehouse } from './warehouse';

interface Setup {
  /** End of the log before the stream is finalized or the table is queried, and after that. */
  readonly ends: readonly [before: number, after: number];
  readonly finalized: Awaited<ReturnType<Warehouse['finalize']>>;
  readonly lastRow?: number;
}

/** Recovers from position 100, with a stream that had 7 rows there. */
function recovered({ ends: [before, after], finalized, lastRow }: Setup): Promise<Recovered> {
  let end = before;
  return recover({
    partition: { topic: 'orders', partition: 0 },
    committed: { offset: 100, metadata: '{"v":2,"s":"streams/1","n":7}' },
    logBounds: () => Promise.resolve({ start: 0, end }),
    warehouse: {
      finalize: () => {
        if (finalized.kind === 'rows') end = after;
        return Promise.resolve(finalized);
      },
      lastOffset: () => {
        end = after;
        return Promise.resolve(lastRow);
      },
    },
    wait: () => Promise.resolve(),
    faults: NO_FAULTS,
  });
}

describe('recovery while a former owner still appends', () => {
  it('counts rows of records that were produced before the stream was finalized', async () => {
    const { offset, durableRows, logEnd } = await recovered({
      ends: [100, 105],
      finalized: { kind: 'rows', rows: 12 },
    });
    expect({ offset, durableRows, logEnd }).toEqual({ offset: 100, durableRows: 5, logEnd: 105 });
  });

  it('continues after the row of such a record when the stream is gone', async () => {
    const { offset, logEnd } = await recovered({ ends: [100, 105], finalized: { kind: 'gone' }, lastRow: 104 });
    expect({ offset, logEnd }).toEqual({ offset: 105, logEnd: 105 });
  });

  it.each<[string, Setup]>([
    ['the stream has more rows than the log has records', { ends: [100, 105], finalized: { kind: 'rows', rows: 13 } }],
    ['the table has a row beyond the end of the log', { ends: [100, 105], finalized: { kind: 'gone' }, lastRow: 105 }],
  ])('stops when %s', async (_, setup) => {
    await expect(recovered(setup)).rejects.toMatchObject({ code: 'RECOVERY_AMBIGUOUS' });
  });
});
