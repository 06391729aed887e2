import { ApiProperty } from '@nestjs/swagger';
import { CUSTOMER_HASH } from '@orderstream/contracts';
import { Matches } from 'class-validator';

/** Whom the state is to forget. */
export class ForgetCustomerDto {
  @ApiProperty({
    description: '16 hex digits of the SHA-256 of the id of the customer. The id itself is not needed.',
    pattern: CUSTOMER_HASH.source,
    example: '113459eb7bb31bdd',
  })
  @Matches(CUSTOMER_HASH)
  readonly customer: string;
}

class ForgottenPartitionDto {
  @ApiProperty({ type: 'integer', example: 3 })
  readonly partition: number;

  @ApiProperty({ type: 'integer', description: 'Entries that were removed: 0 if there was none.', example: 1 })
  readonly removed: number;
}

class FailedPartitionDto {
  @ApiProperty({ type: 'integer', example: 4 })
  readonly partition: number;

  @ApiProperty({ description: 'Why nothing is known of it. Repeat the command.', example: 'The transaction failed.' })
  readonly detail: string;
}

/** What this instance has done. */
export class ForgottenDto {
  @ApiProperty({ example: 'marketplace.orders.validator.state.v1' })
  readonly topic: string;

  @ApiProperty({
    type: [ForgottenPartitionDto],
    description: 'The partitions that this instance has open: the customer is in the state of none of them any more.',
  })
  readonly partitions: readonly ForgottenPartitionDto[];

  @ApiProperty({ type: [FailedPartitionDto], description: 'Partitions of this instance in which it failed.' })
  readonly failed: readonly FailedPartitionDto[];

  @ApiProperty({
    type: [Number],
    description: 'Partitions that this instance does not have open: ask the other instances.',
    example: [0, 1],
  })
  readonly elsewhere: readonly number[];
}
