import { CLOCK_FAULTS } from './clocks';
import { DAMAGE_FAULTS } from './damaged-batch';
import { DEPLOYMENT_FAULTS } from './deployments';
import { type Fault } from './fault';
import { BATCH_FAULTS } from './large-batch';
import { LINK_FAULTS } from './links';
import { OPEN_TRANSACTION_FAULTS } from './open-transaction';
import { POISON_FAULTS } from './poison';
import { PROCESS_FAULTS } from './processes';
import { READINESS_FAULTS } from './readiness';
import { TOPIC_FAULTS } from './re-created-topic';
import { REPLAY_FAULTS } from './replay';
import { STEP_FAULTS } from './steps';
import { SUBSCRIPTION_FAULTS } from './subscription';
import { WRITE_API_FAULTS } from './write-api';

/** Every fault of the suite. */
export const FAULTS: readonly Fault[] = [
  ...PROCESS_FAULTS,
  ...DEPLOYMENT_FAULTS,
  ...READINESS_FAULTS,
  ...CLOCK_FAULTS,
  ...POISON_FAULTS,
  ...OPEN_TRANSACTION_FAULTS,
  ...BATCH_FAULTS,
  ...SUBSCRIPTION_FAULTS,
  ...LINK_FAULTS,
  ...WRITE_API_FAULTS,
  ...STEP_FAULTS,
  ...REPLAY_FAULTS,
  ...TOPIC_FAULTS,
  ...DAMAGE_FAULTS,
];
