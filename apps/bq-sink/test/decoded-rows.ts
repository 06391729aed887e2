import type { RowBuffer } from '@orderstream/bigquery';

import { visitFields } from '../../../test/write-api-server/src/protobuf-fields';
import { type Row, RowDecoder } from '../../../test/write-api-server/src/row-decoder';

/** The rows as the Write API server of the tests reads them. */
export function decodedRows(rows: RowBuffer, schema: Buffer): readonly Row[] {
  const decoder = new RowDecoder(schema);
  const encoded = rows.encoded();
  const decoded: Row[] = [];
  visitFields(encoded, 0, encoded.length, (_number, _wireType, start, end) => {
    decoded.push(decoder.decode(encoded.subarray(start, end)));
  });
  return decoded;
}
