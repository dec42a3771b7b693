/** Failed connections, as Go's net package words them. [pure] */
import { errnoText } from '../../base/go-errno.ts';

/** An error as etcd's logs show it: "dial tcp 127.0.0.1:2380: connect: connection refused". */
export function errorText(problem: unknown): string {
  if (problem instanceof AggregateError && problem.errors.length > 0) return errorText(problem.errors[0]);
  if (problem instanceof Error && 'syscall' in problem && problem.syscall === 'connect') {
    const { address = '', port } = problem as { readonly address?: string; readonly port?: number };
    const target =
      port === undefined ? `unix ${address}` : `tcp ${address.includes(':') ? `[${address}]` : address}:${port}`;
    return `dial ${target}: connect: ${errnoText(problem)}`;
  }
  return errnoText(problem);
}
