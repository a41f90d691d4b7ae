/** Every default there is; `resolve.ts` and `sources.ts` apply them and nothing else has any. */
export const defaults = {
  port: 22,
  publish: 'rename',
  sidecars: true,
  lanes: 'auto',
  window: 64,
  /** A login that asks a directory or a RADIUS server takes a dozen seconds. */
  connectTimeoutMs: 30_000,
  compression: 'auto',
  encryption: 'auto',
  spool: false,
  shrinkBelow: 0.5,
  onChange: 'fail',
  allowEmpty: false,
  notifyOn: ['failure', 'stale'],
} as const;

/** 24 days in milliseconds: timers hold 31 bits, and a longer one fires at once. */
export const longestTimer = 24 * 86_400_000;
