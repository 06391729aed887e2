import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import { type MetricSpec } from './metric-names';

type Label<M extends MetricSpec> = M['labels'][number];
type Spec<T extends MetricSpec['type']> = MetricSpec & { readonly type: T };

/**
 * The metrics of one service: a registry of its own, the process' own figures, and those of `METRIC` on demand.
 * Every series carries the label `app`. Asking for a metric twice gives the same one.
 */
export class Metrics {
  readonly registry = new Registry();

  constructor(options: { readonly app: string; readonly processMetrics?: boolean }) {
    this.registry.setDefaultLabels({ app: options.app });
    if (options.processMetrics ?? true) collectDefaultMetrics({ register: this.registry });
  }

  counter<const M extends Spec<'counter'>>(spec: M): Counter<Label<M>> {
    return this.once(spec, () => new Counter<Label<M>>(this.configuration(spec)));
  }

  /** @param collect brings the gauge up to date when it is scraped; only that of the first call counts */
  gauge<const M extends Spec<'gauge'>>(
    spec: M,
    collect?: (gauge: Gauge<Label<M>>) => void | Promise<void>,
  ): Gauge<Label<M>> {
    return this.once(spec, () => {
      const gauge: Gauge<Label<M>> = new Gauge<Label<M>>({
        ...this.configuration(spec),
        ...(collect && { collect: () => collect(gauge) }),
      });
      return gauge;
    });
  }

  histogram<const M extends Spec<'histogram'>>(spec: M): Histogram<Label<M>> {
    return this.once(
      spec,
      () =>
        new Histogram<Label<M>>({ ...this.configuration(spec), ...(spec.buckets && { buckets: [...spec.buckets] }) }),
    );
  }

  private once<T>(spec: MetricSpec, create: () => T): T {
    return (this.registry.getSingleMetric(spec.name) as T | undefined) ?? create();
  }

  private configuration<M extends MetricSpec>(
    spec: M,
  ): { name: string; help: string; labelNames: Label<M>[]; registers: Registry[] } {
    return { name: spec.name, help: spec.help, labelNames: [...spec.labels], registers: [this.registry] };
  }
}
