import { describe, expect, it } from 'vitest';
import { displayWidth } from '../../src/supervisor/display-width.ts';
import { ephemeralPortMin, memberEnv, peerScheme, portCandidates } from '../../src/supervisor/etcd-members.ts';
import { instancesMax, parseFormation } from '../../src/supervisor/formation.ts';
import type { PlanOptions } from '../../src/supervisor/plan.ts';
import { planMembers, planProcesses, programOf } from '../../src/supervisor/plan.ts';
import { parseProcfile } from '../../src/supervisor/procfile/parse.ts';

const { entries } = parseProcfile('Procfile', 'web: serve\nweb: again\ndb: store\netcd: etcd --logger=zap\n');

function formation(text: string) {
  const parsed = parseFormation(text);
  if (!parsed.ok) throw new Error(parsed.error);
  return parsed.value;
}

function plan(options: Partial<PlanOptions>) {
  return planProcesses(entries, { formation: null, only: [], basePort: 5000, setPorts: true, ...options });
}

function planned(options: Partial<PlanOptions>) {
  const result = plan(options);
  return result.ok ? result.value.map((spec) => `${spec.name} ${spec.port} ${spec.env['PS']}`) : result.error;
}

describe('the plan', () => {
  it('gives every entry a port by its place in the file, duplicates included', () => {
    expect(planned({})).toEqual(['web 5000 web.1', 'db 5200 db.1', 'etcd 5300 etcd.1']);
  });

  it('keeps the ports and colours of a subset', () => {
    const result = plan({ only: ['db'] });
    expect(result.ok && result.value.map((spec) => [spec.name, spec.port, spec.colourIndex])).toEqual([
      ['db', 5200, 2],
    ]);
  });

  it('numbers the instances of a formation as foreman does', () => {
    expect(planned({ formation: formation('web=2,db=1') })).toEqual([
      'web.1 5000 web.1',
      'web.2 5001 web.2',
      'db.1 5200 db.1',
    ]);
    expect(planned({ formation: formation('all=1,web=0') })).toEqual(['db.1 5200 db.1', 'etcd1 5300 etcd.1']);
    expect(planned({ formation: formation('web=2'), only: ['web.2'] })).toEqual(['web.2 5001 web.2']);
  });

  it('makes one cluster of the instances of a plain etcd', () => {
    const result = plan({ formation: formation('etcd=3') });
    expect(result.ok && result.value.map((spec) => [spec.name, spec.cluster, spec.command])).toEqual([
      ['etcd1', 'etcd', 'etcd --logger=zap'],
      ['etcd2', 'etcd', 'etcd --logger=zap'],
      ['etcd3', 'etcd', 'etcd --logger=zap'],
    ]);
  });

  it('makes the whole cluster also when only some of its members run', () => {
    const result = plan({ formation: formation('etcd=3'), only: ['etcd2'] });
    expect(result.ok && result.value.map((spec) => [spec.name, spec.clusterMembers])).toEqual([
      ['etcd2', ['etcd1', 'etcd2', 'etcd3']],
    ]);
  });

  it('refuses to multiply an etcd that names itself', () => {
    const own = parseProcfile('f', 'etcd: etcd --name infra1').entries;
    const options = { only: [], basePort: 5000, setPorts: true };
    expect(planProcesses(own, { ...options, formation: formation('etcd=2') })).toMatchObject({
      ok: false,
      error: [expect.stringContaining('sets --name itself')],
    });
    expect(planProcesses(own, { ...options, formation: formation('etcd=1') })).toMatchObject({
      ok: true,
      value: [{ name: 'etcd.1', cluster: null }],
    });
  });

  it('says what it does not know', () => {
    expect(planned({ only: ['nosuch'] })).toEqual(['unknown proc: nosuch (entries: web, db, etcd)']);
    expect(planned({ formation: formation('x=1') })[0]).toBe('formation: no entry x (entries: web, db, etcd)');
    expect(planned({ formation: formation('web=0') })).toEqual(['nothing to run: the formation leaves no instance']);
    expect(planned({ basePort: 65_300 })).toEqual([
      'PORT of etcd would be 65600: choose a smaller base port, or --set-ports=false',
    ]);
  });

  it('leaves PORT alone when asked', () => {
    const result = plan({ setPorts: false });
    expect(result.ok && result.value.map((spec) => spec.env)).toEqual([
      { PS: 'web.1' },
      { PS: 'db.1' },
      { PS: 'etcd.1' },
    ]);
  });
});

describe('a formation', () => {
  it('is name=count, separated by commas', () => {
    expect(formation(' all=1, web=2 ')).toEqual({ others: 1, counts: new Map([['web', 2]]) });
    expect(formation(`web=${instancesMax}`).counts.get('web')).toBe(instancesMax);
  });
  it.each(['', 'web', '=2', 'web=', 'web=-1', 'web=x', 'web=1,web=2', `web=${instancesMax + 1}`])(
    'is not %j',
    (text) => {
      expect(parseFormation(text).ok).toBe(false);
    },
  );
});

describe('a generated member', () => {
  it('is told everything through its environment', () => {
    const members = [
      { name: 'etcd1', clientPort: 12379, peerPort: 12380 },
      { name: 'etcd2', clientPort: 22379, peerPort: 22380 },
    ] as const;
    expect(
      memberEnv({ token: 't', members, peers: { route: 'direct', scheme: 'http' } }, members[1], '/state/etcd2'),
    ).toEqual({
      ETCD_NAME: 'etcd2',
      ETCD_DATA_DIR: '/state/etcd2',
      ETCD_LISTEN_PEER_URLS: 'http://127.0.0.1:22380',
      ETCD_LISTEN_CLIENT_URLS: 'http://127.0.0.1:22379',
      ETCD_INITIAL_ADVERTISE_PEER_URLS: 'http://127.0.0.1:22380',
      ETCD_ADVERTISE_CLIENT_URLS: 'http://127.0.0.1:22379',
      ETCD_INITIAL_CLUSTER: 'etcd1=http://127.0.0.1:12380,etcd2=http://127.0.0.1:22380',
      ETCD_INITIAL_CLUSTER_TOKEN: 't',
      ETCD_INITIAL_CLUSTER_STATE: 'new',
    });
  });

  it('of a cluster on the fabric are known by addresses that exist nowhere, and listen as always', () => {
    const members = [
      { name: 'etcd1', clientPort: 12379, peerPort: 12380 },
      { name: 'etcd2', clientPort: 22379, peerPort: 22380 },
    ] as const;
    const peers = { route: 'fabric', scheme: 'https' } as const;
    expect(memberEnv({ token: 't', members, peers }, members[1], '/state/etcd2')).toMatchObject({
      ETCD_LISTEN_PEER_URLS: 'https://127.0.0.1:22380',
      ETCD_INITIAL_ADVERTISE_PEER_URLS: 'https://192.0.2.2:22380',
      ETCD_ADVERTISE_CLIENT_URLS: 'http://127.0.0.1:22379',
      ETCD_INITIAL_CLUSTER: 'etcd1=https://192.0.2.1:12380,etcd2=https://192.0.2.2:22380',
    });
  });

  it.each([
    ['etcd', 'http'],
    ['exec etcd --auto-tls', 'http'],
    ['etcd --peer-auto-tls', 'https'],
    ['etcd --peer-auto-tls=true', 'https'],
    ['etcd --peer-auto-tls=false', 'http'],
    ['etcd -peer-cert-file=a.pem -peer-key-file=a.key', 'https'],
  ])('started by %j speak %s to their peers', (command, scheme) => {
    expect(peerScheme(command)).toBe(scheme);
  });

  it('listens below the ephemeral range, on no port twice', () => {
    const ports = [...portCandidates()].flatMap((pair) => [pair.clientPort, pair.peerPort]);
    expect(ports.slice(0, 6)).toEqual([12379, 12380, 22379, 22380, 32379, 32380]);
    expect(Math.max(...ports)).toBeLessThan(ephemeralPortMin);
    expect(new Set(ports).size).toBe(ports.length);
  });

  it('is called etcdN', () => {
    expect(planMembers(2).map((spec) => spec.name)).toEqual(['etcd1', 'etcd2']);
  });
});

describe('the program of a command', () => {
  it.each([
    ['etcd --name x', 'etcd'],
    ['exec /usr/bin/etcd', 'etcd'],
    ['A=1 B=2 etcd', 'etcd'],
    ['', ''],
    ['echo etcd', 'echo'],
  ])('%j is %j', (command, program) => {
    expect(programOf(command)).toBe(program);
  });
});

describe('display width', () => {
  it.each([
    ['web', 3],
    ['ünï', 3],
    ['u\u0308', 1],
    ['日本', 4],
    ['🚀', 2],
  ])('%s takes %d columns', (text, width) => {
    expect(displayWidth(text)).toBe(width);
  });
});
