/** How the pushes of most rows end. */

export const again = { does: 'deposits', left: '2 × deposit' } as const;
export const cleanStart = { does: 'deposits', left: 'deposit' } as const;
export const nothing = { published: 'no', left: 'nothing' } as const;
export const deposited = { exit: 0, published: 'yes', left: 'deposit', next: again } as const;
