import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import { type MetricSpec } from './metric-names';

type Label<M extends MetricSpec> = M['labels'][number];
type Spec<T extends MetricSpec['type']> = MetricSpec & { readonly type: T };

/**
 * The metrics of one service, in a registry of its own: the metrics of the process, and those of `METRIC` when they are
 * first used. Every series has the label `app`. A metric that is requested again is the same object.
 */
export class Metrics {
  readonly registry = new Registry();

  constructor(options: { readonly app: string; readonly processMetrics?: boolean }) {
    this.registry.setDefaultLabels({ app: options.app });
    if (options.processMetrics ?? true) collectDefaultMetrics({ register: this.registry });
  }

  /** @param collect sets the counter to totals that others count, when it is scraped; ignored after the first call */
  counter<const M extends Spec<'counter'>>(spec: M, collect?: (counter: Counter<Label<M>>) => void): Counter<Label<M>> {
    return this.once(spec, () => {
      const counter: Counter<Label<M>> = new Counter<Label<M>>({
        ...this.configuration(spec),
        ...(collect && { collect: () => collect(counter) }),
      });
      return counter;
    });
  }

  /** @param collect updates the gauge when it is scraped; ignored after the first call for this metric */
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
