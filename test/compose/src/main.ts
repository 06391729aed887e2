import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createProgress, EXIT, repositoryRoot } from '../../../dev/src';
import { ComposeStack } from './compose-stack';
import { prepareDocker } from './docker';
import { compressedBytes, preparePublicImages } from './images';
import { renderReport } from './report';
import { Scenario } from './scenario';

const OWN_IMAGES = ['orderstream/services:dev', 'orderstream/emulators:dev', 'orderstream/bigquery-emulator:dev'];
/** Of the image that is deployed. */
const MAX_COMPRESSED_BYTES = 250 * 1_048_576;

const USAGE = `Runs docker-compose.yml as it is, and writes .local/compose/report.md:
  npm run test:compose                   exits with 0 when every step passed
  npm run test:compose -- --images-only  only makes the images present
`;

/**
 * `npm run test:compose`: runs docker-compose.yml as it is, and writes .local/compose/report.md. Exits with 0 when every
 * step passed.
 */
async function main(args: readonly string[]): Promise<number> {
  const imagesOnly = args[0] === '--images-only';
  if (args.length > (imagesOnly ? 1 : 0)) {
    process.stderr.write(USAGE);
    return EXIT.usage;
  }
  const progress = createProgress(process.stderr);
  const repository = repositoryRoot();
  const folder = join(repository, '.local', 'compose');
  mkdirSync(folder, { recursive: true });
  const docker = await prepareDocker(folder, progress);
  try {
    const images = await preparePublicImages(docker, repository, folder, progress);
    const stack = await ComposeStack.create(docker, repository, folder, certificateOfProxy(repository));
    const scenario = new Scenario(stack, docker, progress, folder);
    await scenario.step('the images are built', async () => {
      await stack.build();
      return OWN_IMAGES.join(', ');
    });
    if (imagesOnly) return scenario.steps.every(({ ok }) => ok) ? EXIT.ok : EXIT.notAccountedFor;
    const sizes: { tag: string; compressedBytes: number }[] = [];
    for (const tag of OWN_IMAGES) sizes.push({ tag, compressedBytes: await compressedBytes(docker, tag) });
    await scenario.step('the image of the services is smaller than 250 MB', () => {
      const size = sizes[0]?.compressedBytes ?? Number.POSITIVE_INFINITY;
      if (size > MAX_COMPRESSED_BYTES) throw new Error(`${String(size)} bytes compressed`);
      return Promise.resolve(`${String(Math.round(size / 1_048_576))} MB compressed`);
    });
    await scenario.run();
    const { steps } = scenario;
    const report = renderReport({ ...docker, images, sizes, memory: scenario.memory(), steps });
    writeFileSync(join(folder, 'report.md'), report);
    progress.line(`\n${report}`);
    const failed = steps.filter(({ ok }) => !ok).length;
    progress.line(`${String(steps.length - failed)} passed, ${String(failed)} failed`);
    return failed === 0 ? EXIT.ok : EXIT.notAccountedFor;
  } finally {
    await docker.stop();
  }
}

/** A machine behind a proxy with a certificate authority of its own names it in NODE_EXTRA_CA_CERTS. */
function certificateOfProxy(repository: string): Record<string, string> {
  const certificate = process.env.NODE_EXTRA_CA_CERTS;
  if (certificate === undefined || certificate === '') return {};
  const inContext = 'deploy/docker/ca.crt';
  copyFileSync(certificate, join(repository, inContext));
  return { CA_FILE: inContext };
}

main(process.argv.slice(2)).then(
  (code) => {
    process.exitCode = code;
  },
  (error: unknown) => {
    process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
    process.exitCode = EXIT.notAccountedFor;
  },
);
