import { type Command } from 'commander';
import { addReplayCreate } from './replay-create';
import { addReplayLists } from './replay-lists';
import { addReplaySteps } from './replay-steps';
import { type Runtime } from '../session';

/** `ctl replay create|preview|start|pause|cancel|watch|status|list|receipts` */
export function addReplay(program: Command, runtime: Runtime): void {
  const group = program
    .command('replay')
    .description('send dead letters back: create a plan, preview it, start it, read its receipts');
  addReplayCreate(group, runtime);
  addReplaySteps(group, runtime);
  addReplayLists(group, runtime);
}
