/**
 * Methods of etcd's API that this version does not serve. They are registered, so that a client learns what is missing instead of
 * reading that a service of etcd is unknown.
 */
import { type RpcError, statusCode } from '../status.ts';
import type { MethodRegistry } from './registry.ts';

const unaryMethods: Readonly<Record<string, readonly string[]>> = {
  'etcdserverpb.Auth': [
    'AuthEnable',
    'AuthDisable',
    'AuthStatus',
    'Authenticate',
    'UserAdd',
    'UserGet',
    'UserList',
    'UserDelete',
    'UserChangePassword',
    'UserGrantRole',
    'UserRevokeRole',
    'RoleAdd',
    'RoleGet',
    'RoleList',
    'RoleDelete',
    'RoleGrantPermission',
    'RoleRevokePermission',
  ],
  'v3lockpb.Lock': ['Lock', 'Unlock'],
  'v3electionpb.Election': ['Campaign', 'Proclaim', 'Leader', 'Resign'],
};

const streamMethods: Readonly<Record<string, readonly string[]>> = {
  'etcdserverpb.Watch': ['Watch'],
  'v3electionpb.Election': ['Observe'],
};

export function registerNotServed(server: MethodRegistry): void {
  for (const [service, method, error] of refusals(unaryMethods))
    server.addUnary(`/${service}/${method}`, (_request, call) => call.fail(error));
  for (const [service, method, error] of refusals(streamMethods))
    server.addStream(`/${service}/${method}`, (call) => call.fail(error));
}

function* refusals(
  services: Readonly<Record<string, readonly string[]>>,
): Generator<readonly [service: string, method: string, error: RpcError]> {
  for (const [service, methods] of Object.entries(services))
    for (const method of methods) {
      const message = `clusterctl's etcd does not serve ${service}/${method} in this version`;
      yield [service, method, { code: statusCode.unimplemented, message }];
    }
}
