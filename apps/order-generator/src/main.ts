import { runService } from '@orderstream/service';
import { Generator } from './generator';
import { orderGeneratorSettings } from './order-generator.config';
import { OrderGeneratorModule } from './order-generator.module';

void runService({
  name: 'order-generator',
  settings: orderGeneratorSettings,
  module: () => OrderGeneratorModule,
  prepare: (app) => app.get(Generator).open(),
});
