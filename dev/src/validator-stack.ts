import { startIsolated } from './isolated-stack';
import { ServiceClient } from './stack/service-client';
import { generatorStatus, type GeneratorStatus, type ValidatorStatus, validatorStatus } from './stack/service-status';
import { GENERATOR, generatorEnv, type GeneratorOptions, serviceInstance } from './stack/services';
import { loadTokens } from './stack/tokens';

const BROKER = 'kafka';

/** The generator, a broker and the validator, on free ports and without data of earlier runs. */
export interface ValidatorStack {
  /** `host:port` */
  readonly brokers: string;
  /** Folder of the generator's journal. */
  readonly ledgerFolder: string;
  readonly generator: () => Promise<GeneratorStatus>;
  readonly validator: () => Promise<ValidatorStatus>;
  /** Stops all processes and deletes their data. */
  stop(): Promise<void>;
}

/** Starts the part of the pipeline that ends with the verdicts. If the start fails, whatever was started is stopped. */
export async function startValidatorStack(
  env: NodeJS.ProcessEnv,
  signal: AbortSignal,
  options: GeneratorOptions,
): Promise<ValidatorStack> {
  return startIsolated(
    env,
    signal,
    async ({ paths, env: own, ports, infrastructure, endpoints, supervisor, progress }) => {
      progress.line('Starting a broker, the generator and the validator on free ports:');
      await supervisor.start(
        infrastructure.filter(({ name }) => name === BROKER),
        signal,
      );
      const tokens = loadTokens(paths.tokensFile);
      const context = { repository: paths.repository, ledgerFolder: paths.ledger, endpoints, tokens, env: own };
      const validator = serviceInstance('validator', await ports.find(0), context);
      const generator = serviceInstance(GENERATOR, await ports.find(0), context, {
        env: () => Promise.resolve(generatorEnv(options, paths.ledger)),
      });
      await supervisor.start([validator.component], signal);
      await supervisor.start([generator.component], signal);
      const client = ({ url }: { readonly url: string }): ServiceClient => new ServiceClient(url, tokens.viewer);
      return {
        brokers: endpoints.kafka,
        ledgerFolder: paths.ledger,
        generator: async () => generatorStatus.parse(await client(generator).status()),
        validator: async () => validatorStatus.parse(await client(validator).status()),
      };
    },
  );
}
