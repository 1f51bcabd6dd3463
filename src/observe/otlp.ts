/**
 * Sends traces, metrics and logs to an OpenTelemetry collector, where one is configured (OTLP over HTTP, as JSON).
 */
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as Layer from "effect/Layer"
import * as Otlp from "effect/observability/Otlp"
import { version } from "../model/version.ts"

/** @param endpoint the collector's base URL; absent: nothing is sent */
export const otlpLayer = (endpoint: string | undefined): Layer.Layer<never> =>
  endpoint === undefined
    ? Layer.empty
    : Otlp.layerJson({
        baseUrl: endpoint,
        resource: { serviceName: "meshes", serviceVersion: version },
        loggerMergeWithExisting: true,
      }).pipe(Layer.provide(FetchHttpClient.layer))
