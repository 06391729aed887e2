export { devSettings } from './dev.config';
export { EXIT, StartError, UsageError, exitCodeOf } from './errors';
export { prepareToolbox } from './install/prepare-toolbox';
export { runCommand } from './install/run-command';
export { type StackPaths, repositoryRoot, stackPaths } from './paths';
export { type ComponentEnv, componentEnv } from './process/component-env';
export { lockHome } from './process/home-lock';
export { ManagedProcess, type ProcessExit, type ProcessSpec, describeExit } from './process/managed-process';
export { stopOrphans } from './process/orphans';
export { PortFinder } from './process/ports';
export { StopSignals } from './process/stop-signals';
export { type Progress, createProgress } from './progress';
export { integerFrom, parseShare } from './run/cli';
export { type Component } from './stack/component';
export { ANY_PORTS, type Endpoints, defineInfrastructure } from './stack/infrastructure';
export { type ProxiedListener } from './stack/kafka-properties';
export { rewindGroup } from './stack/rewind-group';
export { ServiceClient } from './stack/service-client';
export { generatorStatus, validatorStatus } from './stack/service-status';
export {
  DATASET,
  PUBSUB_SUBSCRIPTION,
  type Service,
  type ServiceName,
  generatorEnv,
  serviceInstance,
} from './stack/services';
export { type StackTokens, loadTokens } from './stack/tokens';
export { startTestStack } from './test-stack';
export { startValidatorStack } from './validator-stack';
export { dbtEnvironment } from './dbt/dbt-environment';
export { prepareDbt } from './dbt/prepare-dbt';
export { type MageStack, startMageStack } from './mage-stack';
