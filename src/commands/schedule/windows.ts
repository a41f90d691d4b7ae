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
  const account = job.user ?? 'NT AUTHORITY\\LOCAL SERVICE';
  const contents = `<?xml version="1.0" encoding="UTF-8"?>
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
      <LogonType>${job.user === undefined ? 'ServiceAccount' : 'Password'}</LogonType>
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
      `schtasks /Create /TN depot /XML depot.xml${job.user === undefined ? '' : ` /RU "${job.user}" /RP *`}`,
      'schtasks /Run /TN depot',
    ],
  };
}

function xml(text: string): string {
  return text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;').replace(/"/g, '&quot;');
}

/** As CommandLineToArgvW takes it apart again: backslashes count only before a quote. */
function quoted(word: string): string {
  if (/^[^\s"]+$/.test(word)) return word;
  return `"${word.replace(/(\\*)"/g, '$1$1\\"').replace(/(\\+)$/, '$1$1')}"`;
}
