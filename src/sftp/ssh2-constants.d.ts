/** What ssh2 proposes, and the peculiarities of servers that it knows; its types say nothing of it. */
declare module 'ssh2/lib/protocol/constants.js' {
  const constants: { DEFAULT_KEX: string[]; COMPAT: { IMPLY_RSA_SHA2_SIGALGS: number } };
  export default constants;
}
