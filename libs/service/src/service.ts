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
import { ServiceModule } from './service.module';
import { type AdminEndpoints } from './admin.controller';
import { Authentication } from './authentication';
import { boundBody } from './body-bounds';
import { type Lifecycle } from './command-gate';
import { Dependencies, type Dependency } from './dependencies';
import { NestLogger } from './nest-logger';
import { OpenApi } from './open-api';

/** Largest request body that `/admin` accepts. */
const MAX_BODY_BYTES = 65_536;
/** A body of these types is text. */
const YAML_TYPES = ['application/yaml', 'application/x-yaml', 'text/yaml'];

/** What `runService` needs to run a service. */
export interface ServiceDefinition<T extends { readonly service: ServiceSettings }> {
  /** The folder under `apps/`, the label `app` of its metrics and the field `service` of its log. */
  readonly name: string;
  readonly settings: SettingsSpec<T>;
  readonly module: (settings: T) => Type | DynamicModule;
  /** What the service adds to `/admin/status` and `/admin/resume`. */
  readonly admin?: AdminEndpoints;
  /** What `prepare` needs. The start waits until all of them answer: they may start later than the service. */
  readonly dependencies?: (app: INestApplicationContext) => readonly Dependency[];
  /**
   * Creates what must exist before the first record: topics, tables. Runs when the HTTP server already listens, so that
   * health shows what the service waits for. An error ends the start.
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
  private readonly servers: CustomTransportStrategy[] = [];

  constructor(
    private readonly definition: ServiceDefinition<T>,
    private readonly settings: T,
    private readonly logger: Logger,
  ) {
    this.dependencies = new Dependencies(logger, settings.service.startTimeoutMs);
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
    await this.definition.prepare?.(app);
    if (this.isStopping()) return;
    for (const strategy of this.definition.servers?.(app) ?? []) {
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
    const { definition, settings, logger, health, lifecycle } = this;
    const metrics = new Metrics({ app: definition.name });
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
      settings,
      logger,
      health,
      lifecycle,
      admin: definition.admin,
      metrics,
      tracing,
    };
    const app = await NestFactory.create<NestExpressApplication>(
      { module: ServiceRoot, imports: [ServiceModule.forService(dependencies), definition.module(settings)] },
      { logger: new NestLogger(logger), abortOnError: false, bodyParser: false, forceCloseConnections: true },
    );
    this.app = app;
    app.use(helmet());
    const authentication = app.get(Authentication);
    app.use('/admin', (request: Request, response: Response, next: NextFunction) => {
      authentication.use(request, response, next);
    });
    app.useBodyParser('json', { limit: MAX_BODY_BYTES });
    app.useBodyParser('text', { limit: MAX_BODY_BYTES, type: YAML_TYPES });
    app.use(boundBody);
    app.useGlobalPipes(new ValidationPipe({ whitelist: true, forbidNonWhitelisted: true, transform: true }));
    app.get(OpenApi).describe(app, definition.name);
    return app;
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
