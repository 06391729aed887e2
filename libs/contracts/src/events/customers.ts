import { Event, MarketplaceEvent } from '../event';
import { Country, Email, Sha256, Text, Timestamp, Truth } from '../fields';
import { EXAMPLE } from './examples';

/** Each event contains the customer's full state, which replaces the earlier one. */
abstract class CustomerEvent extends MarketplaceEvent {
  @Sha256('Id of the customer. The record key.', { example: EXAMPLE.customerId }) readonly customer_id: string;
  @Timestamp('When the customer registered.', { example: EXAMPLE.registeredAt })
  readonly customer_registered_at: string;
  @Text("The customer's name.", { maxLength: 256, personal: true, nullable: true, example: 'Ada Becker' })
  readonly customer_name?: string | null;
  @Email("The customer's e-mail address.", { nullable: true }) readonly customer_email?: string | null;
  @Country('Country of residence.') readonly customer_country: string;
  @Truth('Whether the customer agreed to receive marketing messages.') readonly marketing_consent: boolean;
}

@Event({
  type: 'customer.registered',
  family: 'customers',
  key: 'customer_id',
  description: 'A customer opened an account.',
})
export class CustomerRegistered extends CustomerEvent {
  readonly event_type: 'customer.registered';
}

@Event({
  type: 'customer.updated',
  family: 'customers',
  key: 'customer_id',
  description: 'A field of a customer changed.',
})
export class CustomerUpdated extends CustomerEvent {
  readonly event_type: 'customer.updated';
}

export const CUSTOMER_EVENTS = [CustomerRegistered, CustomerUpdated] as const;
