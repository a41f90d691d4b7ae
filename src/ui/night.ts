import { printable } from '../printable.js';
import { counted, labelled } from './format.js';
import type { Line } from './wrap.js';

/** The night that was taken, of several that were given. */
export interface Night {
  depositId: string;
  /** How many suitcases come before its own. */
  number: number;
  /** In words. */
  leftAside: readonly string[];
}

export function nightLines({ depositId, number, leftAside }: Night): Line[] {
  const of =
    number === 0
      ? 'a full deposit'
      : `increment ${number}, with the ${number === 1 ? 'suitcase' : counted(number, 'suitcase')} before it`;
  return [
    labelled('night', `${printable(depositId)}: ${of}`),
    ...(leftAside.length === 0 ? [] : [labelled('not used', leftAside.map((one) => printable(one)).join(', '))]),
  ];
}
