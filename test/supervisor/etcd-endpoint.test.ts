import { describe, expect, it } from 'vitest';
import type { EtcdSettings } from '../../src/supervisor/config/settings.ts';
import type { EtcdOption } from '../../src/supervisor/etcd-endpoint.ts';
import { commandOption, etcdEndpoint, fileOption, isMember } from '../../src/supervisor/etcd-endpoint.ts';

const unsaid: EtcdSettings = { endpoint: null, cacert: null, cert: null, key: null };
type Variables = Readonly<Record<string, string>>;

function endpointOf(option: EtcdOption, settings: Partial<EtcdSettings> = {}, env: Variables = {}) {
  const folders = { cwd: '/run', userFolder: '/user', settingsFolder: '/project' };
  return etcdEndpoint({ option, env, settings: { ...unsaid, ...settings }, ...folders });
}

function endpoint(command: string, settings: Partial<EtcdSettings> = {}, env: Variables = {}) {
  return endpointOf(commandOption(command, env), settings, env);
}

describe('the address of an etcd', () => {
  it.each([
    ['etcd --listen-client-urls http://a:1 --advertise-client-urls=http://b:2,http://c:3', {}, 'http://b:2'],
    ["etcd --listen-client-urls='https://a:1'", {}, 'https://a:1'],
    ['etcd -listen-client-urls "http://127.0.0.1:$PORT"', { PORT: '5000' }, 'http://127.0.0.1:5000'],
    // biome-ignore lint/suspicious/noTemplateCurlyInString: it is the shell's.
    ['etcd --listen-client-urls http://127.0.0.1:${PORT}', { PORT: '5100' }, 'http://127.0.0.1:5100'],
    ['etcd', { ETCD_ADVERTISE_CLIENT_URLS: 'https://e:4' }, 'https://e:4'],
    ['ETCD_LISTEN_CLIENT_URLS=http://f:5 exec etcd', { ETCD_LISTEN_CLIENT_URLS: 'http://g:6' }, 'http://f:5'],
    ['etcd --name x', {}, 'http://localhost:2379'],
  ])('of %j, %j is %s', (command, env, url) => {
    expect(endpoint(command, {}, env)).toEqual({ url, socket: null, cacert: null, cert: null, key: null });
  });

  it('of a unix URL is a file in the folder that it runs in', () => {
    expect(endpoint('etcd --listen-client-urls unix://localhost:1')).toMatchObject({
      url: 'unix://localhost:1',
      socket: '/run/localhost:1',
    });
  });

  it('of settings goes before what the command line says', () => {
    expect(endpoint('etcd --listen-client-urls http://a:1', { endpoint: 'http://b:2' }).url).toBe('http://b:2');
  });

  it('and its certificates may be in its config file, and then nowhere else', () => {
    const content = {
      'listen-client-urls': 'https://a:1',
      'client-transport-security': { 'cert-file': 'own.crt', 'key-file': 'own.key', 'client-cert-auth': true },
    };
    expect(endpointOf(fileOption(content))).toEqual({
      url: 'https://a:1',
      socket: null,
      cacert: null,
      cert: '/run/own.crt',
      key: '/run/own.key',
    });
    expect(endpointOf(fileOption('not a map')).url).toBe('http://localhost:2379');
  });
});

describe('a member', () => {
  it.each([
    ['etcd', true],
    ['exec /opt/etcd --name gateway', true],
    ['X=1 bin/etcd --data-dir /var/etcd grpc', true],
    ['etcd grpc-proxy start --endpoints=127.0.0.1:2379', false],
    ['exec ./bin/etcd gateway start', false],
    ['redis-server', false],
  ])('%j: %s', (command, is) => expect(isMember(command)).toBe(is));
});

describe('the client certificate for an etcd', () => {
  const secure = 'etcd --listen-client-urls https://a:1';
  const own = `${secure} --cert-file own.crt --key-file /etc/own.key`;
  const etcdctl = { ETCDCTL_CERT: 'ctl.crt', ETCDCTL_KEY: '/ctl.key', ETCDCTL_CACERT: '/ctl-ca.crt' };

  it("is its own, or the one for its peers' questions, if nothing else is said", () => {
    expect(endpoint(own)).toMatchObject({ cert: '/run/own.crt', key: '/etc/own.key', cacert: null });
    const two = `${own} --client-cert-file c.crt --client-key-file c.key`;
    expect(endpoint(two)).toMatchObject({ cert: '/run/c.crt', key: '/run/c.key' });
    expect(endpoint(secure, {}, { ETCD_CERT_FILE: 'e.crt', ETCD_KEY_FILE: 'e.key' })).toMatchObject({
      cert: '/run/e.crt',
      key: '/run/e.key',
    });
    expect(endpoint(`${secure} --auto-tls`)).toMatchObject({ cert: null, key: null });
  });

  it('is that of etcdctl if its variables are set, whose authority proves nothing here', () => {
    expect(endpoint(own, {}, etcdctl)).toMatchObject({ cert: '/user/ctl.crt', key: '/ctl.key', cacert: null });
    expect(endpoint(own, {}, { ETCDCTL_CERT: 'half.crt' })).toMatchObject({ cert: '/run/own.crt' });
  });

  it('is that of the settings before all, and their authority is asked for', () => {
    const settings = { cacert: 'ca.crt', cert: 'client.crt', key: '/k/client.key' };
    expect(endpoint(own, settings, etcdctl)).toEqual({
      url: 'https://a:1',
      socket: null,
      cacert: '/project/ca.crt',
      cert: '/project/client.crt',
      key: '/k/client.key',
    });
  });

  it('is none where nothing is encrypted', () => {
    const plain = 'etcd --listen-client-urls http://a:1 --cert-file own.crt --key-file own.key';
    expect(endpoint(plain, { cacert: 'x', cert: 'y', key: 'z' }, etcdctl)).toMatchObject({ cacert: null, cert: null });
  });
});
