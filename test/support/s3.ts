/**
 * A server that speaks S3, for a test: it checks signatures, and keeps its objects in a folder that goes with it.
 */
import { mkdtemp, rm } from "node:fs/promises"
import type { AddressInfo } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
// @ts-expect-error -- it has no types
import S3rver from "@20minutes/s3rver"

export interface S3Server extends AsyncDisposable {
  readonly url: string
  readonly port: number
}

/** The only credentials that it knows. */
export const s3Credentials = { accessKeyId: "S3RVER", secretAccessKey: "S3RVER" } as const

export const startS3 = async (...buckets: ReadonlyArray<string>): Promise<S3Server> => {
  const directory = await mkdtemp(join(tmpdir(), "meshes-s3-"))
  const server = new S3rver({
    address: "127.0.0.1",
    port: 0,
    silent: true,
    directory,
    configureBuckets: buckets.map((name) => ({ name })),
  })
  const { port } = (await server.run()) as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    [Symbol.asyncDispose]: async () => {
      await server.close()
      await rm(directory, { recursive: true, force: true })
    },
  }
}
