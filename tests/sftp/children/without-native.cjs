// Loaded first: as if npm had not been allowed to run ssh2's install script.
const { Module } = require('node:module');
const load = Module._load;
Module._load = function (request, ...rest) {
  if (/sshcrypto\.node|cpufeatures\.node/.test(request)) throw new Error('not built');
  return load.call(this, request, ...rest);
};
