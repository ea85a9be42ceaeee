// A real OpenID provider on loopback, for one test run. Says where it listens in one line of JSON.
// Arguments: where the console's clients may be sent back to. Who signs in says which factors they showed.
import { createServer } from "node:http";
import Provider from "oidc-provider";

const server = createServer();
server.listen(0, "127.0.0.1", () => {
  const issuer = `http://localhost:${server.address().port}`;
  const grants = { response_types: ["code"], grant_types: ["authorization_code"] };
  const back = process.argv.slice(2);
  const console_ = { redirect_uris: back, ...grants };
  const provider = new Provider(issuer, {
    clients: [
      {
        client_id: "portal", redirect_uris: ["http://localhost:1/cb"], token_endpoint_auth_method: "none",
        application_type: "native", ...grants,
      },
      ...(back.length === 0 ? [] : [
        { client_id: "console", token_endpoint_auth_method: "none", ...console_ },
        { client_id: "console-with-secret", client_secret: "a test: only/+ %", ...console_ },
      ]),
    ],
    claims: { openid: ["sub", "amr"], acr: null, auth_time: null, iss: null, sid: null },
    cookies: { keys: ["a test only"] },
    features: { devInteractions: { enabled: false }, rpInitiatedLogout: { enabled: true } },
    async loadExistingGrant(ctx) {
      const grant = new ctx.oidc.provider.Grant({
        clientId: ctx.oidc.client.clientId, accountId: ctx.oidc.session.accountId,
      });
      grant.addOIDCScope("openid");
      await grant.save();
      return grant;
    },
  });
  const answer = provider.callback();
  server.on("request", async (request, response) => {
    if (!request.url.startsWith("/interaction/")) {
      answer(request, response);
      return;
    }
    if (request.method === "GET") {
      response.setHeader("content-type", "text/html");
      response.end(`<!doctype html><html lang="en"><title>Provider</title><h1>Provider</h1><form method="post">
<label>Account <input name="login"></label><label>Factors <input name="amr" value="pwd mfa"></label>
<button>Continue</button></form></html>`);
      return;
    }
    let body = "";
    for await (const piece of request) body += piece;
    const form = new URLSearchParams(body);
    const amr = (form.get("amr") ?? "").split(" ").filter(Boolean);
    const { prompt } = await provider.interactionDetails(request, response);
    const login = { accountId: form.get("login"), ...(amr.length ? { amr } : {}) };
    let result = prompt.name === "consent" ? { consent: {} } : { login };
    if (form.get("login") === "nobody") result = { error: "access_denied" };
    await provider.interactionFinished(request, response, result, { mergeWithLastSubmission: false });
  });
  console.log(JSON.stringify({ issuer }));
});
