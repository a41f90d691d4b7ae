import type { Request } from '../support/scripted-server.js';

/** Whether it is the partial of a suitcase, under its usual name or another one. */
export function isPartial(path: string): boolean {
  return /(^|\/)\.[a-z0-9-]+_\d{8}T\d{6}Z_[0-9a-f]{16}(\.[0-9a-f]{8})?\.partial$/.test(path);
}

/** Whether a request is about the suitcase itself, not about a sidecar. */
export function ofSuitcase(r: Pick<Request, 'path'>): boolean {
  return isPartial(r.path) || r.path.endsWith('.pgp');
}

export function ofSidecar(r: Pick<Request, 'path'>): boolean {
  return /\.(cover\.md|receipt\.json|receipt\.json\.asc)(\.[0-9a-f]{8})?(\.partial)?$/.test(r.path);
}

/** Whether a request closes or renames the suitcase. */
export function isRename(r: Pick<Request, 'type' | 'path'>): boolean {
  return r.type === 'rename' && isPartial(r.path);
}

export function isClose(r: Pick<Request, 'type' | 'path'>): boolean {
  return r.type === 'close' && (isPartial(r.path) || r.path.endsWith('.pgp'));
}
