import { runService } from '@orderstream/service';
import { consoleDefinition } from './console.definition';

void runService(consoleDefinition());
