/**
 * Sends traces, metrics and logs to an OpenTelemetry collector, where one is configured (OTLP over HTTP, as JSON).
 */
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as Layer from "effect/Layer"
import * as Otlp from "effect/observability/Otlp"
import { version } from "../model/version.ts"

/**
 * @param endpoint the collector's base URL; absent: nothing is sent
 * @param instance what tells this process from others of the same service
 */
export const otlpLayer = (endpoint: string | undefined, instance?: string): Layer.Layer<never> =>
  endpoint === undefined
    ? Layer.empty
    : Otlp.layerJson({
        baseUrl: endpoint,
        resource: {
          serviceName: "meshes",
          serviceVersion: version,
          ...(instance === undefined ? {} : { attributes: { "service.instance.id": instance } }),
        },
        loggerMergeWithExisting: true,
      }).pipe(Layer.provide(FetchHttpClient.layer))
