import { Module } from '@nestjs/common';
import { SERVICE_CONTROL } from '@orderstream/service';
import { GeneratorController } from './control/generator.controller';
import { Generator } from './generator';

@Module({
  controllers: [GeneratorController],
  providers: [Generator, { provide: SERVICE_CONTROL, useExisting: Generator }],
})
export class OrderGeneratorModule {}
