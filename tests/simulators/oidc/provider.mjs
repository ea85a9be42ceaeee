// A real OpenID provider on loopback, for one test run. Says where it listens in one line of JSON.
import { createServer } from "node:http";
import Provider from "oidc-provider";

const server = createServer();
server.listen(0, "127.0.0.1", () => {
  const issuer = `http://localhost:${server.address().port}`;
  const provider = new Provider(issuer, {
    clients: [{
      client_id: "portal", redirect_uris: ["http://localhost:1/cb"], token_endpoint_auth_method: "none",
      application_type: "native", response_types: ["code"], grant_types: ["authorization_code"],
    }],
    cookies: { keys: ["a test only"] },
  });
  server.on("request", provider.callback());
  console.log(JSON.stringify({ issuer }));
});
