/**
 * Whether somebody let the runtime use their account at the vendor, and how they do, or end it.
 */
import { useState } from "react"
import { call, type Problem } from "../api/call.ts"
import { useAct } from "../api/use.ts"
import { Button } from "../parts/button.tsx"
import { Box, ConfirmButton } from "../parts/dialog.tsx"
import { Card, Facts } from "../parts/page.tsx"
import { Pill } from "../parts/status.tsx"
import { Time } from "../parts/time.tsx"
import { useTell } from "../parts/toast.tsx"
import { useBound, useMay, useMe } from "../session.tsx"
import type { Connection } from "./connection.tsx"

export const AuthorizationCard = ({ connection }: { readonly connection: Connection }) => {
  const { id, workspace, authorization } = connection
  const operates = useMay("operate")
  const bound = useBound()
  const tell = useTell()
  const end = useAct("DELETE /api/v1/workspaces/:workspace/connections/:connection/authorization")
  const params = { workspace, connection: id }
  return (
    <Card
      title="Authorization"
      acts={
        operates &&
        !bound && (
          <>
            <Authorize {...params} again={authorization != null} />
            {authorization != null && (
              <ConfirmButton
                label="End it"
                title={`End the authorization of ${id}?`}
                kind="danger"
                act={() =>
                  end
                    .mutateAsync({ params })
                    .then(
                      ({ unconfirmed }) =>
                        tell.done(
                          unconfirmed === undefined
                            ? "The authorization has ended, at the vendor too."
                            : `The authorization has ended here. The vendor did not confirm it: ${unconfirmed}`,
                        ),
                      tell.failed,
                    )
                }
              >
                <p>What is meant for the connection waits until somebody authorizes it again.</p>
              </ConfirmButton>
            )}
          </>
        )
      }
    >
      {authorization == null ? (
        <p>
          <Pill tone="warn">not authorized</Pill> Nothing is sent over it until somebody lets the runtime use their
          account at the vendor.
        </p>
      ) : (
        <>
          {authorization.refused !== undefined && (
            <p className="notice" data-tone="bad">
              The vendor takes it no more: {authorization.refused}. Somebody must authorize it again.
            </p>
          )}
          <Facts
            of={{
              By: authorization.by,
              At: <Time at={authorization.authorized_at} />,
              Scopes: authorization.scopes.length === 0 ? undefined : authorization.scopes.join(", "),
              "Token good until":
                authorization.token_expires_at === undefined ? undefined : <Time at={authorization.token_expires_at} />,
            }}
          />
        </>
      )}
    </Card>
  )
}

/** Leads to the vendor and back to this page; out of a frame of another site, into a tab of its own, as vendors refuse to be framed. */
const Authorize = ({
  again,
  ...params
}: {
  readonly workspace: string
  readonly connection: string
  readonly again: boolean
}) => {
  const framed = useMe().kind === "embed"
  const tell = useTell()
  const [link, setLink] = useState<string>()
  const ask = (query: { readonly return_to?: string }) =>
    call("GET /api/v1/workspaces/:workspace/connections/:connection/authorize", { params, query })
  const begin = () => {
    const asked = framed
      ? ask({})
      : // Under another name than the server has for itself, such as localhost, it does not lead back to here.
        ask({ return_to: location.href }).catch((cause: Problem) => {
          if (cause.status === 400) return ask({})
          throw cause
        })
    asked.then(({ url }) => (framed ? setLink(url) : location.assign(url)), tell.failed)
  }
  return (
    <>
      <Button kind={again ? "plain" : "primary"} onClick={begin}>
        {again ? "Authorize again" : "Authorize"}
      </Button>
      <Box open={link !== undefined} onClose={() => setLink(undefined)} title={`Authorize ${params.connection}`}>
        <p>The link is for you alone. This page shows it when you are done.</p>
        <div className="dialog-acts">
          <a className="button" data-kind="primary" href={link} target="_blank" rel="noreferrer">
            To the vendor
          </a>
        </div>
      </Box>
    </>
  )
}
