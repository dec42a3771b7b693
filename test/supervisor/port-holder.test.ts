import { createServer } from 'node:net';
import { describe, expect, it } from 'vitest';
import { clusterHintOf, listenUrlsOf, mayBeOneCluster } from '../../src/supervisor/etcd-members.ts';
import { holderOf, parseListeners } from '../../src/supervisor/port-holder.ts';

describe('the table of sockets', () => {
  it('gives those that listen', () => {
    const text = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:094B 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1 0000000000000000 100 0 0 10 0
   1: 0100007F:094B 0100007F:D431 01 00000000:00000000 00:00000000 00000000     0        0 4712 1 0000000000000000 20 4 30 10 -1
`;
    expect(parseListeners(text)).toEqual([{ port: 2379, inode: '4711' }]);
    expect(parseListeners('')).toEqual([]);
  });
});

describe.runIf(process.platform === 'linux')('the holder of a port', () => {
  it('is named with its command', async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    expect(holderOf(port)).toEqual({ pid: process.pid, command: expect.stringContaining('node') });
    await new Promise((resolve) => server.close(resolve));
    expect(holderOf(port)).toBe(null);
  });
});

describe('where an etcd listens', () => {
  it('is in its flags, or in its environment', () => {
    const command = "etcd --listen-client-urls http://localhost:1,https://[::1]:2 -listen-peer-urls='http://0.0.0.0:3'";
    expect(listenUrlsOf(command, { ETCD_LISTEN_PEER_URLS: 'http://127.0.0.1:9' })).toEqual([
      { flag: 'listen-client-urls', host: '127.0.0.1', port: 1, isDefault: false },
      { flag: 'listen-client-urls', host: '::1', port: 2, isDefault: false },
      { flag: 'listen-peer-urls', host: '0.0.0.0', port: 3, isDefault: false },
    ]);
    expect(listenUrlsOf('etcd', { ETCD_LISTEN_PEER_URLS: 'http://127.0.0.1:9' })).toEqual([
      { flag: 'listen-client-urls', host: '127.0.0.1', port: 2379, isDefault: true },
      { flag: 'listen-peer-urls', host: '127.0.0.1', port: 9, isDefault: false },
    ]);
    expect(listenUrlsOf('etcd --listen-client-urls unix://localhost:m10,http://127.0.0.1:$PORT', {})).toEqual([]);
  });

  it('is where etcd does by itself, if nothing names another place or could', () => {
    const ports = (command: string, env = {}) => listenUrlsOf(command, env).map((url) => url.port);
    expect(ports('etcd --name a')).toEqual([2379, 2380]);
    expect(ports('exec /usr/bin/etcd --listen-client-urls=http://127.0.0.1:7')).toEqual([7, 2380]);
    for (const command of ['etcd $FLAGS', 'etcd --config-file x.yaml', 'etcd --version', 'etcd gateway start']) {
      expect(ports(command)).toEqual([]);
    }
    expect(ports('etcd', { ETCD_CONFIG_FILE: 'x.yaml' })).toEqual([]);
  });
});

describe('two etcds', () => {
  const etcd = (cluster: string, token = 'a') =>
    clusterHintOf(`etcd --name x --initial-cluster ${cluster} --initial-cluster-token=${token}`, {});
  it('are of one cluster if they share a peer and the token, also after it has grown', () => {
    const first = etcd('a=http://h:1,b=http://h:2');
    expect(mayBeOneCluster(first, etcd("'a=http://h:1,b=http://h:2,c=http://h:3'"))).toBe(true);
    expect(mayBeOneCluster(first, etcd('a=http://h:1', 'b'))).toBe(false);
    expect(mayBeOneCluster(first, etcd('a=http://h:7,b=http://h:8'))).toBe(false);
    const env = { ETCD_INITIAL_CLUSTER: 'b=http://h:2', ETCD_INITIAL_CLUSTER_TOKEN: 'a' };
    expect(mayBeOneCluster(first, clusterHintOf('etcd', env))).toBe(true);
  });

  it('may be, if one does not say of which it is', () => {
    expect(mayBeOneCluster(etcd('a=http://h:1'), clusterHintOf('etcd --config-file x', {}))).toBe(true);
  });
});
