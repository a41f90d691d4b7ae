import type { Request } from '../support/scripted-server.js';

/** Of a suitcase, under its usual or another partial name. */
export function isPartial(path: string): boolean {
  return /(^|\/)\.[a-z0-9-]+_\d{8}T\d{6}Z_[0-9a-f]{16}(\.[0-9a-f]{8})?\.partial$/.test(path);
}

/** A request about the suitcase itself, not about what lies beside it. */
export function ofSuitcase(r: Pick<Request, 'path'>): boolean {
  return isPartial(r.path) || r.path.endsWith('.pgp');
}

export function ofSidecar(r: Pick<Request, 'path'>): boolean {
  return /\.(cover\.md|receipt\.json|receipt\.json\.asc)(\.[0-9a-f]{8})?(\.partial)?$/.test(r.path);
}
