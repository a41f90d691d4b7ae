/**
 * Tells of what is no failure. With the weight `act` somebody must do something about it, so it is said with `--quiet` too; without it, it is
 * worth knowing, and may come every night of a set-up that is as it should be.
 */
export type Warn = (message: string, weight?: 'act') => void;
