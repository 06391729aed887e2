import { KafkaOperatorLog, runService } from '@orderstream/service';
import { GeneratorStatusDto } from './control/generator-status.dto';
import { Generator } from './generator';
import { orderGeneratorSettings } from './order-generator.config';
import { OrderGeneratorModule } from './order-generator.module';

void runService({
  name: 'order-generator',
  settings: orderGeneratorSettings,
  operatorLog: ({ kafka }, logger) => new KafkaOperatorLog(kafka, logger),
  module: () => OrderGeneratorModule,
  admin: { status: GeneratorStatusDto },
  dependencies: (app) => app.get(Generator).dependencies(),
  prepare: (app) => app.get(Generator).open(),
});
