/** The Auth service's messages, and the two that only the log carries (InternalAuthenticateRequest). */
import { permission, userAddOptions } from './authpb.ts';
import { headerField } from './etcdserverpb-header.ts';
import { bool, bytes, type MessageOf, message, nested, optional, repeated, single, string, uint53 } from './table.ts';

const name = single(1, 'name', string);

export const authEnableRequest = message('AuthEnableRequest', {});
export const authDisableRequest = message('AuthDisableRequest', {});
export const authStatusRequest = message('AuthStatusRequest', {});

export const authenticateRequest = message('AuthenticateRequest', { name, password: single(2, 'password', string) });
export type AuthenticateRequest = MessageOf<typeof authenticateRequest>;

/** What Authenticate proposes after it checked the password. */
export const internalAuthenticateRequest = message('InternalAuthenticateRequest', {
  name,
  password: single(2, 'password', string),
  simpleToken: single(3, 'simple_token', string),
});
export type InternalAuthenticateRequest = MessageOf<typeof internalAuthenticateRequest>;

export const authUserAddRequest = message('AuthUserAddRequest', {
  name,
  password: single(2, 'password', string),
  options: optional(3, 'options', nested(userAddOptions)),
  hashedPassword: single(4, 'hashedPassword', string),
});
export type AuthUserAddRequest = MessageOf<typeof authUserAddRequest>;

export const authUserGetRequest = message('AuthUserGetRequest', { name });
export type AuthUserGetRequest = MessageOf<typeof authUserGetRequest>;
export const authUserDeleteRequest = message('AuthUserDeleteRequest', { name });
export type AuthUserDeleteRequest = MessageOf<typeof authUserDeleteRequest>;

export const authUserChangePasswordRequest = message('AuthUserChangePasswordRequest', {
  name,
  password: single(2, 'password', string),
  hashedPassword: single(3, 'hashedPassword', string),
});
export type AuthUserChangePasswordRequest = MessageOf<typeof authUserChangePasswordRequest>;

export const authUserGrantRoleRequest = message('AuthUserGrantRoleRequest', {
  user: single(1, 'user', string),
  role: single(2, 'role', string),
});
export type AuthUserGrantRoleRequest = MessageOf<typeof authUserGrantRoleRequest>;

export const authUserRevokeRoleRequest = message('AuthUserRevokeRoleRequest', {
  name,
  role: single(2, 'role', string),
});
export type AuthUserRevokeRoleRequest = MessageOf<typeof authUserRevokeRoleRequest>;

export const authUserListRequest = message('AuthUserListRequest', {});
export const authRoleListRequest = message('AuthRoleListRequest', {});

export const authRoleAddRequest = message('AuthRoleAddRequest', { name });
export type AuthRoleAddRequest = MessageOf<typeof authRoleAddRequest>;
export const authRoleGetRequest = message('AuthRoleGetRequest', { role: single(1, 'role', string) });
export type AuthRoleGetRequest = MessageOf<typeof authRoleGetRequest>;
export const authRoleDeleteRequest = message('AuthRoleDeleteRequest', { role: single(1, 'role', string) });
export type AuthRoleDeleteRequest = MessageOf<typeof authRoleDeleteRequest>;

export const authRoleGrantPermissionRequest = message('AuthRoleGrantPermissionRequest', {
  name,
  perm: optional(2, 'perm', nested(permission)),
});
export type AuthRoleGrantPermissionRequest = MessageOf<typeof authRoleGrantPermissionRequest>;

export const authRoleRevokePermissionRequest = message('AuthRoleRevokePermissionRequest', {
  role: single(1, 'role', string),
  key: single(2, 'key', bytes),
  rangeEnd: single(3, 'range_end', bytes),
});
export type AuthRoleRevokePermissionRequest = MessageOf<typeof authRoleRevokePermissionRequest>;

export const authEnableResponse = message('AuthEnableResponse', { header: headerField });
export const authDisableResponse = message('AuthDisableResponse', { header: headerField });
export const authStatusResponse = message('AuthStatusResponse', {
  header: headerField,
  enabled: single(2, 'enabled', bool),
  authRevision: single(3, 'authRevision', uint53),
});
export type AuthStatusResponse = MessageOf<typeof authStatusResponse>;
export const authenticateResponse = message('AuthenticateResponse', {
  header: headerField,
  token: single(2, 'token', string),
});
export type AuthenticateResponse = MessageOf<typeof authenticateResponse>;
export const authUserAddResponse = message('AuthUserAddResponse', { header: headerField });
export const authUserGetResponse = message('AuthUserGetResponse', {
  header: headerField,
  roles: repeated(2, 'roles', string),
});
export type AuthUserGetResponse = MessageOf<typeof authUserGetResponse>;
export const authUserDeleteResponse = message('AuthUserDeleteResponse', { header: headerField });
export const authUserChangePasswordResponse = message('AuthUserChangePasswordResponse', { header: headerField });
export const authUserGrantRoleResponse = message('AuthUserGrantRoleResponse', { header: headerField });
export const authUserRevokeRoleResponse = message('AuthUserRevokeRoleResponse', { header: headerField });
export const authRoleAddResponse = message('AuthRoleAddResponse', { header: headerField });
export const authRoleGetResponse = message('AuthRoleGetResponse', {
  header: headerField,
  perm: repeated(2, 'perm', nested(permission)),
});
export type AuthRoleGetResponse = MessageOf<typeof authRoleGetResponse>;
export const authRoleListResponse = message('AuthRoleListResponse', {
  header: headerField,
  roles: repeated(2, 'roles', string),
});
export type AuthRoleListResponse = MessageOf<typeof authRoleListResponse>;
export const authUserListResponse = message('AuthUserListResponse', {
  header: headerField,
  users: repeated(2, 'users', string),
});
export type AuthUserListResponse = MessageOf<typeof authUserListResponse>;
export const authRoleDeleteResponse = message('AuthRoleDeleteResponse', { header: headerField });
export const authRoleGrantPermissionResponse = message('AuthRoleGrantPermissionResponse', { header: headerField });
export const authRoleRevokePermissionResponse = message('AuthRoleRevokePermissionResponse', { header: headerField });
