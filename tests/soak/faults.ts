/** Makes the server, the link or the process fail as a plan says, and tells in which phase that was. */
import type { Action, Request, ScriptedServer } from '../support/scripted-server.js';
import { isPartial, ofSidecar } from '../reliability/names.js';
import type { Phase, Plan } from './plan.js';

export interface Armed {
  /** The phase in which the fault struck; null until then. */
  readonly struck: Phase | null;
  /** For the child's environment: what the preloaded module does at which step. */
  readonly env: NodeJS.ProcessEnv;
  /** Makes the server work again. */
  disarm(): Promise<void>;
}

/** @param bytes of the suitcase, roughly; @param kill ends the push; @param filler a command that fills this machine's disk */
export function arm(server: ScriptedServer, plan: Plan, o: { bytes: number; kill: () => void; filler: string }): Armed {
  const armed = { struck: null as Phase | null, env: {} as NodeJS.ProcessEnv, disarm };
  let away: Promise<void> | null = null;
  let comeBack = (): void => undefined;
  let created = false;
  const timers: NodeJS.Timeout[] = [];

  const strike = (phase: Phase): Action | undefined => {
    armed.struck = phase;
    switch (plan.kind) {
      case 'drop':
        return { do: plan.done, then: 'drop' };
      case 'stall':
        server.stall();
        return { do: plan.done, answer: 'never' };
      case 'server kill':
        away = restart();
        return { do: plan.done, answer: 'never' };
      case 'client kill':
        o.kill();
        return { do: plan.done, answer: 'never' };
      case 'disk full':
        // From here on: what is retried fails again.
        return { status: 4 };
    }
  };

  async function restart(): Promise<void> {
    await server.stop();
    if (plan.loses > 0 && !server.options.fsync) {
      for (const [name, bytes] of server.files)
        if (isPartial(name)) server.files.set(name, bytes.subarray(0, Math.floor(bytes.length * plan.loses)));
    }
    await new Promise<void>((later) => {
      comeBack = later;
      setTimeout(later, plan.awayMs).unref();
    });
    await server.start();
  }

  async function disarm(): Promise<void> {
    server.script = undefined;
    for (const timer of timers) clearTimeout(timer);
    server.drop();
    comeBack();
    await away;
  }

  // Faults of this machine, and deaths at a step, are for the process itself.
  if (
    plan.phase === 'receipt' ||
    (plan.phase === 'connect' && (plan.kind === 'client kill' || plan.kind === 'disk full'))
  ) {
    const mark = 'touch struck';
    armed.env = {
      DEPOT_AT: plan.step,
      DEPOT_DO: plan.kind === 'client kill' ? `${mark}; kill -9 $PPID` : `${mark}; ${o.filler}`,
    };
    return armed;
  }

  const before = server.connections;
  if (plan.phase === 'connect') {
    const poll = setInterval(() => {
      if (server.connections === before) return;
      clearInterval(poll);
      timers.push(
        setTimeout(() => {
          const action = strike(created ? 'data' : 'connect');
          if (action?.then === 'drop') server.drop();
        }, 60 * plan.at),
      );
    }, 1);
    timers.push(poll);
  }
  const nth = 1 + Math.floor(plan.at * (plan.phase === 'data' ? o.bytes / 32_768 : plan.phase === 'sidecars' ? 18 : 1));
  let seen = 0;
  server.script = (request) => {
    created ||= request.type === 'open';
    if (plan.phase === 'connect' || !belongs(plan.phase, request)) return undefined;
    seen++;
    const again = plan.kind === 'disk full' && armed.struck !== null && request.type === 'write';
    return seen === nth || again ? strike(plan.phase) : undefined;
  };
  return armed;
}

function belongs(phase: Phase, r: Request): boolean {
  const suitcase = isPartial(r.path) || r.path.endsWith('.pgp');
  switch (phase) {
    case 'data':
      return suitcase && r.type === 'write';
    case 'close':
      return suitcase && r.type === 'close';
    case 'rename':
      return suitcase && r.type === 'rename';
    case 'sidecars':
      return ofSidecar(r);
    case 'connect':
    case 'receipt':
      return false;
  }
}
