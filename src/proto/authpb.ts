/** authpb: users, roles and permissions, as they stand in requests and in the database. */
import {
  bool,
  bytes,
  enumeration,
  type MessageOf,
  message,
  nested,
  optional,
  repeated,
  single,
  string,
} from './table.ts';

export const permission = message('Permission', {
  permType: single(1, 'permType', enumeration),
  key: single(2, 'key', bytes),
  rangeEnd: single(3, 'range_end', bytes),
});
export type Permission = MessageOf<typeof permission>;

export const userAddOptions = message('UserAddOptions', { noPassword: single(1, 'no_password', bool) });
export type UserAddOptions = MessageOf<typeof userAddOptions>;

export const user = message('User', {
  name: single(1, 'name', bytes),
  password: single(2, 'password', bytes),
  roles: repeated(3, 'roles', string),
  options: optional(4, 'options', nested(userAddOptions)),
});
export type User = MessageOf<typeof user>;

export const role = message('Role', {
  name: single(1, 'name', bytes),
  keyPermission: repeated(2, 'keyPermission', nested(permission)),
});
export type Role = MessageOf<typeof role>;
