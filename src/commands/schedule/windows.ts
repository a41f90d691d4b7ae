import path from 'node:path';
import { shellWord } from '../../shell.js';
import { usage } from '../flags.js';
import type { Job, Printed } from './job.js';

/** A task for the Windows Task Scheduler, which makes up for a missed run and starts no second one. */
export function windowsTask(job: Job): Printed {
  const [program, ...parameters] = job.command;
  // The scheduler puts the value of a variable there, and knows no way to write the name itself.
  const variable = [...job.command, job.configDirectory].find((word) => /%[^%]+%/.test(word));
  if (variable !== undefined)
    throw usage(
      `${JSON.stringify(variable)} has ${/%[^%]+%/.exec(variable)![0]} in it, which the Task Scheduler takes for a variable`,
      'rename that file or directory',
    );
  if (job.user !== undefined && /["/[\]:;|=,+*?<>%]/.test(job.user))
    throw usage(`--user ${JSON.stringify(job.user)} is not the name of an account`);
  const time = `${String(job.at.hour).padStart(2, '0')}:${String(job.at.minute).padStart(2, '0')}`;
  const { account, logon, register } = logonOf(job);
  // Without an encoding, and in ASCII: PowerShell's redirection makes UTF-16 of it, that of cmd.exe leaves it as it is.
  const contents = `<?xml version="1.0"?>
<Task version="1.2" xmlns="http://schemas.microsoft.com/windows/2004/02/mit/task">
  <RegistrationInfo>
    <Description>${xml(`depot: deposit with the escrow agent (${job.what})`)}</Description>
  </RegistrationInfo>
  <Triggers>
    <CalendarTrigger>
      <StartBoundary>2026-01-01T${time}:00</StartBoundary>
      <ScheduleByDay><DaysInterval>1</DaysInterval></ScheduleByDay>
    </CalendarTrigger>
  </Triggers>
  <Principals>
    <Principal id="depot">
      <UserId>${xml(account)}</UserId>
      <LogonType>${logon}</LogonType>
      <RunLevel>LeastPrivilege</RunLevel>
    </Principal>
  </Principals>
  <Settings>
    <MultipleInstancesPolicy>IgnoreNew</MultipleInstancesPolicy>
    <StartWhenAvailable>true</StartWhenAvailable>
    <RunOnlyIfNetworkAvailable>true</RunOnlyIfNetworkAvailable>
    <ExecutionTimeLimit>PT0S</ExecutionTimeLimit>
    <DisallowStartIfOnBatteries>false</DisallowStartIfOnBatteries>
  </Settings>
  <Actions Context="depot">
    <Exec>
      <Command>${xml(program!)}</Command>
      <Arguments>${xml(parameters.map(quoted).join(' '))}</Arguments>
      <WorkingDirectory>${xml(job.configDirectory)}</WorkingDirectory>
    </Exec>
  </Actions>
</Task>
`;
  return {
    files: [{ path: 'depot.xml', contents }],
    paste: [
      `${job.out === undefined ? 'save this file as depot.xml; then, ' : ''}in a console that was opened as administrator:`,
      ...job.prepare,
      register,
      'schtasks /Run /TN depot',
    ],
  };
}

/** By number: their names differ with the language of Windows. */
const services: Readonly<Record<string, string>> = {
  SYSTEM: 'S-1-5-18',
  'LOCAL SERVICE': 'S-1-5-19',
  'NETWORK SERVICE': 'S-1-5-20',
};

/** The SID of an account that logs on without a password, and that Windows itself has; undefined for others. */
export function serviceSid(account: string): string | undefined {
  const name = account.toUpperCase().replace(/^NT AUTHORITY\\/, '');
  return Object.values(services).includes(name) ? name : services[name.replace(/^(LOCAL|NETWORK)(?=SERVICE$)/, '$1 ')];
}

/**
 * How the task logs on. S4U for this account: no password is kept, which anyhow ends the runs when it changes; depot's secrets
 * are in files, and SFTP needs no Windows credentials. For another account Windows wants its password, except for those that
 * have none: services, and managed accounts (`acme\svc$`), whose password Windows gets itself.
 */
function logonOf({ user, ownAccount, out }: Job): { account: string; logon: string; register: string } {
  const file = out === undefined ? 'depot.xml' : shellWord(path.join(out, 'depot.xml'), 'win32');
  const create = `schtasks /Create /TN depot /XML ${file}`;
  const account = user ?? 'NT AUTHORITY\\LOCAL SERVICE';
  const service = serviceSid(account);
  if (service !== undefined) return { account: service, logon: 'ServiceAccount', register: create };
  if (ownAccount === true) return { account, logon: 'S4U', register: create };
  if (!account.endsWith('$'))
    return { account, logon: 'Password', register: `${create} /RU ${shellWord(account, 'win32')} /RP *` };
  // Between '…' PowerShell takes other quotes for ' as well, and what "…" is around is looked through for $ and ` first.
  if (out !== undefined && /["$`\u2018-\u201f]/.test(out))
    throw usage(
      `--out ${JSON.stringify(out)} has a character in it that PowerShell takes for something else`,
      'choose another directory',
    );
  const named = `'${(out === undefined ? 'depot.xml' : path.join(out, 'depot.xml')).replace(/'/g, "''")}'`;
  return {
    account,
    logon: 'Password',
    register: `powershell -NoProfile -Command "Register-ScheduledTask -TaskName depot -Xml (Get-Content -Raw -LiteralPath ${named})"`,
  };
}

function xml(text: string): string {
  return text
    .replace(/&/g, '&amp;')
    .replace(/</g, '&lt;')
    .replace(/>/g, '&gt;')
    .replace(/"/g, '&quot;')
    .replace(/[^\t\n -~]/gu, (c) => `&#${c.codePointAt(0)!};`);
}

/** As CommandLineToArgvW takes it apart again: backslashes count only before a quote. */
function quoted(word: string): string {
  if (/^[^\s"]+$/.test(word)) return word;
  return `"${word.replace(/(\\*)"/g, '$1$1\\"').replace(/(\\+)$/, '$1$1')}"`;
}
