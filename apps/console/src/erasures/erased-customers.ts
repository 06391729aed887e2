import { Injectable } from '@nestjs/common';
import { DLQ_HEADERS } from '@orderstream/contracts';
import { headerFields, headersOf, type KafkaRecord, type OutputRecord } from '@orderstream/kafka';
import { mentions } from './erasure';

type Content = Pick<OutputRecord, 'key' | 'value' | 'headers'>;

const ERASED = Buffer.from('(erased)');
const OWN_HEADERS: readonly string[] = Object.values(DLQ_HEADERS);

/**
 * The customers that were erased, as hashes. Their dead letters stay in Kafka until retention deletes them: the API does not
 * show what is in them, and no plan returns them, which would bring the customer back into the warehouse.
 */
@Injectable()
export class ErasedCustomers {
  private readonly hashes = new Set<string>();

  add(customer: string): void {
    this.hashes.add(customer);
  }

  /** Whether a record has the id of one of them in its key, its body or its headers. */
  isIn({ key, value, headers }: Content): boolean {
    if (this.hashes.size === 0) return false;
    const has = (text: Buffer | string | null): boolean =>
      text !== null && mentions(text.toString('latin1'), this.hashes);
    return has(key) || has(value) || headerFields(headers).some(([, text]) => has(text));
  }

  /** The record as it is shown: without key, body and headers of an erased customer. */
  redacted(record: KafkaRecord): KafkaRecord {
    if (!this.isIn(record)) return record;
    const own = headerFields(record.headers).filter(([name]) => OWN_HEADERS.includes(name));
    return { ...record, key: ERASED, value: ERASED, headers: headersOf(own) };
  }
}
