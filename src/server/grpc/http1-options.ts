/** How Node's HTTP/1.1 server is to behave where a client expects Go's. */
import type { ServerOptions } from 'node:http';

export const http1Options: ServerOptions = {
  // Go's server never closes an idle connection; closing one under a client's feet fails its next request.
  keepAliveTimeout: 0,
  // Go's limit. Node's own 16 KiB are less than the cookies that browsers gather for localhost.
  maxHeaderSize: 1024 * 1024,
};
