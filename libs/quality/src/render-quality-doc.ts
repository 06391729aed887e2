import type { ExampleOptions } from './guide/evaluate-example';

/**
 * The content of `docs/quality.md`. Only a call loads the guides of the rules: a service does not need them.
 * @throws ExampleError if an example does not show what it is for
 */
export async function renderQualityDoc(options: ExampleOptions): Promise<string> {
  const guide = await import('./guide/quality-doc.js');
  return guide.renderQualityDoc(options);
}
