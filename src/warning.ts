/** Tells of what is no failure. With the weight `act` somebody must do something about it, and it is said with `--quiet` too. */
export type Warn = (message: string, weight?: 'act') => void;
