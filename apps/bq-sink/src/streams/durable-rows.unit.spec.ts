import * as fc from 'fast-check';

import { skipDurableRows } from './durable-rows';
import { Exclusions } from './exclusions';

describe('skipDurableRows', () => {
  it('finds the first record without a row, for every split of the log into batches', () => {
    const log = fc.array(fc.constantFrom('record', 'excluded', 'marker'), { minLength: 1, maxLength: 60, size: 'max' });
    fc.assert(
      fc.property(log, fc.nat(60), fc.integer({ min: 1, max: 10 }), (entries, rows, batchSize) => {
        const exclusions = Exclusions.of(entries.flatMap((entry, offset) => (entry === 'excluded' ? [offset] : [])));
        const countable = entries.flatMap((entry, offset) => (entry === 'record' ? [offset] : []));
        fc.pre(rows <= countable.length);
        // The first `rows` countable offsets are durable. The sink continues at the next one.
        const expected = countable[rows];
        let remaining = rows;
        let found: number | undefined;
        for (let from = 0; from < entries.length && found === undefined; from += batchSize) {
          const records = entries
            .slice(from, from + batchSize)
            .flatMap((entry, index) => (entry === 'marker' ? [] : [{ offset: from + index }]));
          const skipped = skipDurableRows(records, remaining, exclusions);
          remaining = skipped.remaining;
          found = records[skipped.index]?.offset;
        }
        expect(found).toBe(expected);
        expect(remaining).toBe(0);
      }),
    );
  });
});
