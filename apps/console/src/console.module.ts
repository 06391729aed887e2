import { Module } from '@nestjs/common';
import { SERVICE_CONTROL } from '@orderstream/service';
import { ConsoleService } from './console.service';
import { DeadLetters } from './dead-letters/dead-letters';
import { DeadLettersController } from './dead-letters/dead-letters.controller';

@Module({
  controllers: [DeadLettersController],
  providers: [DeadLetters, ConsoleService, { provide: SERVICE_CONTROL, useExisting: ConsoleService }],
})
export class ConsoleModule {}
