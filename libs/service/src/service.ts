import { type AddressInfo } from 'node:net';
import { type DynamicModule, type INestApplicationContext, Module, type Type, ValidationPipe } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { type CustomTransportStrategy } from '@nestjs/microservices';
import { type NestExpressApplication } from '@nestjs/platform-express';
import { type ServiceSettings, type SettingsSpec } from '@orderstream/config';
import { OrderstreamError } from '@orderstream/errors';
import { type Check, Health, type Logger, Metrics, startTracing, type Tracing } from '@orderstream/observability';
import { type NextFunction, type Request, type Response } from 'express';
import helmet from 'helmet';
import { type AdminEndpoints } from './admin.controller';
import { answerOtherMethods } from './allowed-methods';
import { AuditTrail } from './audit/audit-trail';
import { Authentication } from './authentication';
import { boundBody } from './body-bounds';
import { answerClientErrors } from './client-errors';
import { YAML_TYPES } from './body-type';
import { type Lifecycle } from './command-gate';
import { Dependencies, type Dependency } from './dependencies';
import { NestLogger } from './nest-logger';
import { OpenApi } from './open-api';
import { MemoryOperatorLog } from './operator-log/memory-operator-log';
import { type OperatorLog } from './operator-log/operator-log';
import { Pauses } from './pause/pauses';
import { identifyRequest } from './request-id';
import { type ServiceControl } from './service-control';
import { ServiceModule } from './service.module';
import { RuntimeSettings } from './settings/runtime-settings';
import { SERVICE_CONTROL } from './tokens';

/** Largest request body that `/admin` accepts. */
const MAX_BODY_BYTES = 65_536;

/** What `runService` needs to run a service. */
export interface ServiceDefinition<T extends { readonly service: ServiceSettings }> {
  /** The folder under `apps/`, the label `app` of its metrics and the field `service` of its log. */
  readonly name: string;
  readonly settings: SettingsSpec<T>;
  readonly module: (settings: T) => Type | DynamicModule;
  /**
   * Where the changes of operators and their audit are stored. Without it they end with the process, and the audit is in
   * the log only.
   */
  readonly operatorLog?: (settings: T, logger: Logger) => OperatorLog;
  /** What the service adds to `/admin/status` and `/admin/resume`. */
  readonly admin?: AdminEndpoints;
  /** What `prepare` needs. The start waits until all of them answer: they may start later than the service. */
  readonly dependencies?: (app: INestApplicationContext) => readonly Dependency[];
  /**
   * Creates what must exist before the first record: topics, tables. Runs when the HTTP server already listens, so that
   * health shows what the service waits for. The settings of operators are read meanwhile: what needs them here waits for
   * `RuntimeSettings.caughtUp`. An error ends the start.
   */
  readonly prepare?: (app: INestApplicationContext) => Promise<void>;
  /**
   * Transports to connect after `prepare`. Each needs a `transportId` of its own: Nest registers a handler without one with
   * all transports. `close` drains the transport. Nest calls `close` a second time, so that it must be idempotent.
   */
  readonly servers?: (app: INestApplicationContext) => Iterable<CustomTransportStrategy>;
}

/** The HTTP server cannot listen on its address. */
class ListenError extends OrderstreamError {
  readonly code = 'LISTEN_FAILED';

  constructor(host: string, port: number, cause: unknown) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    super(`Cannot listen on ${host}:${String(port)} (${reason}). Set HTTP_HOST and HTTP_PORT to a free address.`, {
      cause,
    });
  }
}

/**
 * Starts and stops a service: HTTP server, transports, readiness.
 *
 * Failure semantics: this class has no durable state. The guarantees of a service hold after a kill as after a stop. A
 * stop hands its partitions over without waiting for a session timeout.
 */
export class Service<T extends { readonly service: ServiceSettings }> {
  readonly health = new Health();
  private readonly lifecycle: Lifecycle = { phase: 'starting' };
  private readonly stopping = new AbortController();
  private readonly dependencies: Dependencies;
  private app: NestExpressApplication | undefined;
  private tracing: Tracing | undefined;
  private readonly metrics: Metrics;
  private readonly operatorLog: OperatorLog;
  private readonly audit: AuditTrail;
  private readonly runtime: RuntimeSettings;
  private readonly pauses: Pauses;
  private readonly servers: CustomTransportStrategy[] = [];

  constructor(
    private readonly definition: ServiceDefinition<T>,
    private readonly settings: T,
    private readonly logger: Logger,
  ) {
    const { health } = this;
    const { name: service } = definition;
    this.dependencies = new Dependencies(logger, settings.service.startTimeoutMs);
    this.metrics = new Metrics({ app: service });
    const { metrics } = this;
    const log = definition.operatorLog?.(settings, logger) ?? new MemoryOperatorLog();
    this.operatorLog = log;
    this.audit = new AuditTrail({ log, logger, metrics });
    this.runtime = new RuntimeSettings({ log, service, logger, metrics });
    const control = (): ServiceControl | undefined => this.control();
    this.pauses = new Pauses({ service, settings: this.runtime, control, health, metrics, logger });
    this.health.ready('settings', () => {
      const { problem } = this.runtime;
      return { ok: problem === undefined, ...(problem !== undefined && { detail: problem }) };
    });
    // The follower ends only with an error that no retry helps against.
    this.health.live('settings', () => ({ ok: log.failed === undefined, detail: log.failed?.message }));
    this.health.ready('service', (): Check => {
      const { phase } = this.lifecycle;
      const { waitingFor } = this.dependencies;
      return {
        ok: phase === 'running',
        detail: waitingFor === undefined ? phase : `${phase}, waiting: ${waitingFor}`,
      };
    });
  }

  /** Resolves when all transports are connected. @throws any error of the start; the caller still has to call `stop` */
  async start(): Promise<void> {
    const app = await this.createApp();
    await this.listen(app);
    await this.dependencies.reachAll(this.definition.dependencies?.(app) ?? [], this.stopping.signal);
    // Without a deadline of its own: the broker has just answered, and health says that the settings are being read.
    await Promise.all([this.runtime.start(), this.definition.prepare?.(app)]);
    if (this.isStopping()) return;
    const servers = [...(this.definition.servers?.(app) ?? [])];
    await this.pauses.open();
    for (const strategy of servers) {
      this.servers.push(strategy);
      app.connectMicroservice({ strategy });
    }
    await app.startAllMicroservices();
    if (this.isStopping()) return;
    this.lifecycle.phase = 'running';
    this.logger.info('running');
  }

  /**
   * Fails readiness, drains the transports while health still answers, closes HTTP, then exports the last spans. Only that
   * export has a deadline.
   */
  async stop(): Promise<void> {
    this.lifecycle.phase = 'stopping';
    this.stopping.abort(new Error('the service stops'));
    // Nest's own order closes the HTTP server, and with it health, before the transports.
    await Promise.all(
      this.servers.map(async (server) => {
        await server.close();
      }),
    );
    this.pauses.close();
    await this.audit.stop();
    await this.operatorLog.stop();
    await this.app?.close();
    await this.tracing?.shutdown();
  }

  /** The URL of the HTTP server; undefined until it listens. */
  url(): string | undefined {
    const address = this.app?.getHttpServer().address() as AddressInfo | null | undefined;
    if (address === null || address === undefined) return undefined;
    const host = address.family === 'IPv6' ? `[${address.address}]` : address.address;
    return `http://${host}:${String(address.port)}`;
  }

  /** Whether `stop` was called. */
  isStopping(): boolean {
    return this.lifecycle.phase === 'stopping';
  }

  private async createApp(): Promise<NestExpressApplication> {
    const { definition, settings, logger, health, lifecycle, metrics, audit, runtime, pauses } = this;
    const { endpoint, serviceName, sampler, samplerRatio } = settings.service.tracing;
    const tracing = await startTracing({
      endpoint,
      serviceName: serviceName ?? definition.name,
      sampler: { name: sampler, ratio: samplerRatio },
      logger,
      metrics,
    });
    this.tracing = tracing;
    const dependencies = {
      name: definition.name,
      settings,
      logger,
      health,
      lifecycle,
      admin: definition.admin,
      metrics,
      tracing,
      audit,
      runtime,
      pauses,
    };
    const app = await NestFactory.create<NestExpressApplication>(
      { module: ServiceRoot, imports: [ServiceModule.forService(dependencies), definition.module(settings)] },
      { logger: new NestLogger(logger), abortOnError: false, bodyParser: false, forceCloseConnections: true },
    );
    this.app = app;
    answerClientErrors(app.getHttpServer());
    app.use(identifyRequest);
    app.use(helmet());
    const authentication = app.get(Authentication);
    app.use('/admin', (request: Request, response: Response, next: NextFunction) => {
      authentication.use(request, response, next);
    });
    app.use(answerOtherMethods);
    app.useBodyParser('json', { limit: MAX_BODY_BYTES });
    app.useBodyParser('text', { limit: MAX_BODY_BYTES, type: [...YAML_TYPES] });
    app.use(boundBody);
    app.useGlobalPipes(new ValidationPipe({ whitelist: true, forbidNonWhitelisted: true, transform: true }));
    app.get(OpenApi).describe(app, definition.name);
    return app;
  }

  private control(): ServiceControl | undefined {
    try {
      return this.app?.get<ServiceControl>(SERVICE_CONTROL, { strict: false });
    } catch {
      // A service without one has no pause.
      return undefined;
    }
  }

  private async listen(app: NestExpressApplication): Promise<void> {
    const { httpHost, httpPort } = this.settings.service;
    await app.init();
    try {
      await app.listen(httpPort, httpHost);
    } catch (cause) {
      throw new ListenError(httpHost, httpPort, cause);
    }
    this.logger.info({ url: this.url() }, 'listening');
  }
}

/** Imports `ServiceModule` and the service's own module. */
@Module({})
class ServiceRoot {}
