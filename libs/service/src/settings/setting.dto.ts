import { ApiProperty } from '@nestjs/swagger';

/** What an operator has changed at run time. */
export class SettingDto {
  @ApiProperty({ description: '`rules.<code>`, `breaker`, or `pause.<service>`.', example: 'rules.time.too_late' })
  readonly subject: string;

  @ApiProperty({
    description: 'Null: back to what the environment says.',
    nullable: true,
    type: 'object',
    additionalProperties: true,
    example: { action: 'reject' },
  })
  readonly value: unknown;

  @ApiProperty({ description: 'Changes with each change of the subject: its ETag.', type: 'integer', example: 12 })
  readonly revision: number;

  @ApiProperty({ description: 'The name of the token.', example: 'ann' })
  readonly changedBy: string;

  @ApiProperty({ format: 'date-time' })
  readonly changedAt: string;
}
