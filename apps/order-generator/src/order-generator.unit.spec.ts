import { documentsItsProblems } from '../../../test/support/admin-problems.features';
import { GeneratorStatusDto } from './control/generator-status.dto';
import { orderGeneratorSettings } from './order-generator.config';
import { OrderGeneratorModule } from './order-generator.module';

describe('the administration of order-generator', () => {
  documentsItsProblems({
    name: 'order-generator',
    settings: orderGeneratorSettings,
    module: () => OrderGeneratorModule,
    admin: { status: GeneratorStatusDto },
  });
});
