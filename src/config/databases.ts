/** The databases that a source can be. */
import { databases } from '../databases/databases.js';
import type { DatabaseKind, DatabaseSettings } from '../source.js';
import type { Value } from './document.js';
import { command, type JsonSchema, type Kind, line, list, path, wholeNumber, word } from './kinds.js';
import { mapping, optional, required, type Values } from './mapping.js';

/** Options that may be used with this kind. */
function options(kind: DatabaseKind): Kind<string[]> {
  return list({
    ...word,
    read: (value) => {
      const found = word.read(value);
      const problem = found === null ? null : databases[kind].optionProblem(found);
      return problem === null ? found : value.report(problem);
    },
  });
}

const serverKeys = (kind: DatabaseKind) => ({
  database: required(word),
  host: optional(line),
  port: optional(wholeNumber(1, 65_535)),
  username: optional(line),
  passwordFile: optional(path),
  passwordCommand: optional(command),
  options: optional(options(kind)),
  program: optional(word),
});
const rules = {
  exclusive: [['passwordFile', 'passwordCommand']] as const,
  notes: {
    password: 'passwords do not belong in this file; name a passwordFile or passwordCommand',
    name: 'write database:',
    user: 'write username:',
    socket: 'write its path as host:, for PostgreSQL that of its directory',
    file: 'write database:',
    path: 'write database:',
  },
};

const onServer = (kind: DatabaseKind) => mapping(serverKeys(kind), rules);
const inFile = mapping({ database: required(path), program: optional(word) }, rules);
/** Has the keys of all of them. */
export const databaseServer = mapping({ ...serverKeys('sqlserver'), backup: required(path) }, rules);

interface Form {
  parts: (value: Value) => Partial<Values<typeof databaseServer.keys>> | null;
  schema: JsonSchema;
}

/** Without `short`, in full alone; else its name, or the path of its file, will do. */
function database({ parts, schema }: Form, short?: Kind<string>): Kind<DatabaseSettings> {
  return {
    type: `${short === undefined ? '' : `${short.type}, or a `}[mapping](#keys-of-a-database)`,
    schema: short === undefined ? schema : { anyOf: [short.schema, schema] },
    read: (value) => {
      const found = short !== undefined && value.scalar !== undefined ? alone(short.read(value)) : parts(value);
      if (found?.database === undefined || (short === undefined && found.backup === undefined)) return null;
      const { database, passwordFile, passwordCommand, options = [], ...rest } = found;
      const password = {
        ...(passwordFile !== undefined && { file: passwordFile }),
        ...(passwordCommand && { command: passwordCommand }),
      };
      return { ...rest, database, password, options };
    },
  };
}

function alone(database: string | null): Partial<Values<typeof databaseServer.keys>> | null {
  return database === null ? null : { database };
}

export const databaseSources = {
  postgresql: optional(database(onServer('postgresql'), word)),
  mariadb: optional(database(onServer('mariadb'), word)),
  mysql: optional(database(onServer('mysql'), word)),
  sqlite: optional(database(inFile, path)),
  sqlserver: optional(database(databaseServer)),
};
