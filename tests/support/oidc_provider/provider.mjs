// An OpenID provider for tests, on loopback. Prints {"issuer": …} when it listens.
//
// client_credentials gives JWT access tokens for a `resource`; the grant `urn:test:user` gives an ID token for a named
// user in one POST. Below /test it does what no provider offers: rotates its keys, fails, signs what it is asked to.
import http from 'node:http';
import { Provider } from 'oidc-provider';
import { SignJWT, exportJWK, generateKeyPair, importJWK } from 'jose';

const USER_GRANT = 'urn:test:user';
const users = new Set(['alice', 'bob']);
let made = 0;
async function newKey(alg) {
  const { privateKey } = await generateKeyPair(alg, { extractable: true });
  return { ...(await exportJWK(privateKey)), kid: `${alg}-${++made}`, alg, use: 'sig' };
}
let keys = [await newKey('ES256'), await newKey('RS256')];
let failing = false;
let lookups = 0;

const server = http.createServer();
await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
const issuer = `http://127.0.0.1:${server.address().port}`;

const client = (client_id, grant_types) => ({
  client_id,
  client_secret: 'test',
  grant_types,
  redirect_uris: [],
  response_types: [],
  id_token_signed_response_alg: 'ES256',
  require_auth_time: true,
});

async function build() {
  const provider = new Provider(issuer, {
    clients: [client('ci', ['client_credentials']), client('delegation', [USER_GRANT]), client('other', [USER_GRANT])],
    jwks: { keys },
    cookies: { keys: ['test'] },
    acrValues: ['pwd', 'mfa'],
    claims: { openid: ['sub'], acr: null, auth_time: null },
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => undefined,
        useGrantedResource: () => true,
        getResourceServerInfo: (ctx, resource) => ({
          scope: 'delegation',
          audience: resource,
          accessTokenFormat: 'jwt',
          jwt: { sign: { alg: 'ES256' } },
        }),
      },
    },
    findAccount: (ctx, id) => (users.has(id) ? { accountId: id, claims: () => ({ sub: id }) } : undefined),
    ttl: { ClientCredentials: 300, IdToken: 300 },
  });
  provider.registerGrantType(
    USER_GRANT,
    async (ctx) => {
      const { user, acr, auth_time: authTime } = ctx.oidc.params;
      const token = new provider.IdToken({ sub: user }, { ctx });
      token.scope = 'openid';
      token.set('acr', acr || 'pwd');
      token.set('auth_time', Number(authTime) || Math.floor(Date.now() / 1000));
      ctx.body = { id_token: await token.issue({ use: 'idtoken' }), token_type: 'N_A' };
    },
    ['user', 'acr', 'auth_time'],
    [],
  );
  return provider;
}
let provider = await build();

async function body(request) {
  const pieces = [];
  for await (const piece of request) pieces.push(piece);
  return JSON.parse(Buffer.concat(pieces).toString() || '{}');
}

const controls = {
  // A new key signs from now on; the old one stays published until it is dropped.
  async rotate({ drop = false }) {
    keys = [await newKey('ES256'), ...keys.filter((key) => !drop || key.alg !== 'ES256')];
    provider = await build();
    return { kid: keys[0].kid };
  },
  async fail({ on }) {
    failing = on;
    return {};
  },
  // How often its key set was asked for.
  async lookups() {
    return { lookups };
  },
  // Whatever it is asked to, with its own key.
  async sign({ header = {}, claims, alg = 'ES256' }) {
    const key = keys.find((each) => each.alg === alg);
    const protectedHeader = { alg, kid: key.kid, ...header };
    for (const [name, value] of Object.entries(protectedHeader)) if (value === null) delete protectedHeader[name];
    return { token: await new SignJWT(claims).setProtectedHeader(protectedHeader).sign(await importJWK(key, alg)) };
  },
};

server.on('request', async (request, response) => {
  try {
    const { pathname } = new URL(request.url, issuer);
    if (pathname.startsWith('/test/')) {
      response.end(JSON.stringify(await controls[pathname.slice(6)](await body(request))));
    } else {
      if (pathname === '/jwks') lookups += 1;
      if (failing) {
        response.statusCode = 503;
        response.end('failing, as it was asked to');
      } else {
        await provider.callback()(request, response);
      }
    }
  } catch (error) {
    response.statusCode = 500;
    response.end(String(error.stack));
  }
});
console.log(JSON.stringify({ issuer }));
