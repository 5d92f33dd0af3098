// A real OpenID provider for the server's tests: RS256 and ES256, access tokens as JWTs, everybody is logged in as "ann".
// Prints its port. A request to /test/rotate gives it new keys instead of the old ones.
// /test/fetches tells how often its documents were fetched.
import { generateKeyPairSync } from 'node:crypto';
import { createServer } from 'node:http';
import { Provider } from 'oidc-provider';

const resource = 'agentflow';
const keys = (suffix) => [['RS256', 'rsa', { modulusLength: 2048 }], ['ES256', 'ec', { namedCurve: 'P-256' }]].map(([alg, kind, options]) => (
  { ...generateKeyPairSync(kind, options).privateKey.export({ format: 'jwk' }), alg, use: 'sig', kid: `${alg}-${suffix}` }
));

let answer = (request, response) => response.writeHead(503).end();
let fetches = 0;
const server = createServer((request, response) => answer(request, response));
await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
const issuer = `http://127.0.0.1:${server.address().port}`;

const serve = (suffix) => {
  const provider = new Provider(issuer, {
    jwks: { keys: keys(suffix) },
    clients: ['RS256', 'ES256'].map((alg) => ({
      client_id: `app-${alg}`,
      client_secret: 'a secret of the tests',
      grant_types: ['client_credentials', 'authorization_code'],
      redirect_uris: ['https://app.example.com/back'],
      id_token_signed_response_alg: alg,
    })),
    findAccount: (ctx, sub) => ({ accountId: sub, claims: () => ({ sub }) }),
    pkce: { required: () => false },
    features: {
      clientCredentials: { enabled: true },
      devInteractions: { enabled: false },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => `urn:${resource}`,
        useGrantedResource: () => true,
        getResourceServerInfo: (ctx, indicator, client) => ({
          scope: 'work',
          audience: ctx.oidc.body?.test_audience ?? resource,
          accessTokenFormat: 'jwt',
          accessTokenTTL: 600,
          jwt: { sign: { alg: client.clientId.slice(4) } },
        }),
      },
    },
    extraTokenClaims: (ctx) => ({
      org: ctx.oidc.body?.test_tenant ?? 'default',
      realm_access: { roles: (ctx.oidc.body?.test_roles ?? 'staff').split(' ') },
    }),
    interactions: { url: (ctx, interaction) => `/interaction/${interaction.uid}` },
    loadExistingGrant: async (ctx) => {
      const grant = new ctx.oidc.provider.Grant({ clientId: ctx.oidc.client.clientId, accountId: ctx.oidc.session.accountId });
      grant.addOIDCScope('openid');
      grant.addResourceScope(`urn:${resource}`, 'work');
      await grant.save();
      return grant;
    },
    cookies: { keys: ['a key of the tests'] },
  });
  const callback = provider.callback();
  answer = async (request, response) => {
    if (request.url.startsWith('/interaction/')) {
      await provider.interactionFinished(request, response, { login: { accountId: 'ann' } });
    } else if (request.url === '/test/rotate') {
      serve(`${suffix}'`);
      response.end();
    } else if (request.url === '/test/fetches') {
      response.end(String(fetches));
    } else {
      fetches += request.url === '/jwks' || request.url.startsWith('/.well-known/') ? 1 : 0;
      callback(request, response);
    }
  };
};

serve('1');
console.log(server.address().port);
process.stdin.on('end', () => process.exit()).resume();
