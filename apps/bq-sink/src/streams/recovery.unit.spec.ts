import { NO_FAULTS } from './fault-points';
import { type Recovered, recover } from './recovery';
import type { Warehouse } from './warehouse';

interface World {
  /** End of the log before the stream is ended or the table asked, and after it. */
  readonly ends: readonly [before: number, after: number];
  readonly finalized: Awaited<ReturnType<Warehouse['finalize']>>;
  readonly lastRow?: number;
}

/** Recovery from position 100, with a stream that had 7 rows there. */
function recovered({ ends: [before, after], finalized, lastRow }: World): Promise<Recovered> {
  let end = before;
  return recover({
    partition: { topic: 'orders', partition: 0 },
    committed: { offset: 100, metadata: '{"v":1,"s":"streams/1","n":7,"e":""}' },
    logBounds: () => Promise.resolve({ start: 0, end }),
    warehouse: {
      createStream: () => Promise.reject(new Error('not now')),
      connect: () => Promise.reject(new Error('not now')),
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

describe('recovery while a former owner still reads and appends', () => {
  it('counts the rows of records that came into the log before the stream was ended', async () => {
    const { offset, durableRows, logEnd } = await recovered({
      ends: [100, 105],
      finalized: { kind: 'rows', rows: 12 },
    });
    expect({ offset, durableRows, logEnd }).toEqual({ offset: 100, durableRows: 5, logEnd: 105 });
  });

  it('goes on behind a row of such a record when the stream is gone', async () => {
    const { offset, logEnd } = await recovered({ ends: [100, 105], finalized: { kind: 'gone' }, lastRow: 104 });
    expect({ offset, logEnd }).toEqual({ offset: 105, logEnd: 105 });
  });

  it.each<[string, World]>([
    ['more rows are in the stream', { ends: [100, 105], finalized: { kind: 'rows', rows: 13 } }],
    ['the table has a row behind its end', { ends: [100, 105], finalized: { kind: 'gone' }, lastRow: 105 }],
  ])('stops where %s than the log has records by then', async (_, world) => {
    await expect(recovered(world)).rejects.toMatchObject({ code: 'RECOVERY_AMBIGUOUS' });
  });
});
