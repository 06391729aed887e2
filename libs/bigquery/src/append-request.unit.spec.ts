import { protos } from '@google-cloud/bigquery-storage';

import { encodeAppendRequest, encodeHead } from './append-request';
import { RowBuffer } from './row-buffer';

const { AppendRowsRequest } = protos.google.cloud.bigquery.storage.v1;

describe('the requests of a connection', () => {
  const rows = new RowBuffer();
  rows.beginRow();
  rows.varint(7);
  rows.endRow();

  it('ask in the first one for the default values of columns that the rows do not have', () => {
    const first = AppendRowsRequest.decode(
      encodeAppendRequest(encodeHead({ stream: 's', schema: Buffer.alloc(0) }), 3, rows),
    );
    expect(first.defaultMissingValueInterpretation).toBe(AppendRowsRequest.MissingValueInterpretation.DEFAULT_VALUE);
    expect(first).toMatchObject({ writeStream: 's', offset: { value: expect.anything() as unknown } });
    expect(first.protoRows?.rows?.serializedRows).toHaveLength(1);
    const later = AppendRowsRequest.decode(encodeAppendRequest(encodeHead({ stream: 's' }), 4, rows));
    expect(Object.hasOwn(later, 'defaultMissingValueInterpretation')).toBe(false);
  });
});
