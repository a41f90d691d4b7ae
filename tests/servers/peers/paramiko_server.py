"""An SFTP server on Paramiko, as in its own example (a stub on the local files): paramiko_server.py PORT ROOT HOSTKEY AUTHORIZED_KEY USER PASSWORD."""
import os
import socket
import sys
import threading

import paramiko
from paramiko import AUTH_FAILED, AUTH_SUCCESSFUL, OPEN_SUCCEEDED, SFTP_OK, SFTPAttributes, SFTPHandle, SFTPServer

port, root, host_key_file, authorized, user, password = sys.argv[1:7]
host_key = paramiko.Ed25519Key(filename=host_key_file)
with open(authorized) as lines:
    allowed = lines.read().split()[1]


class Login(paramiko.ServerInterface):
    def get_allowed_auths(self, username):
        return 'password,publickey'

    def check_auth_password(self, username, given):
        return AUTH_SUCCESSFUL if (username, given) == (user, password) else AUTH_FAILED

    def check_auth_publickey(self, username, key):
        return AUTH_SUCCESSFUL if username == user and key.get_base64() == allowed else AUTH_FAILED

    def check_channel_request(self, kind, chanid):
        return OPEN_SUCCEEDED


class Handle(SFTPHandle):
    def stat(self):
        return SFTPAttributes.from_stat(os.fstat(self.readfile.fileno()))


class Files(paramiko.SFTPServerInterface):
    def real(self, path):
        return root + self.canonicalize(path)

    def answer(self, work):
        try:
            result = work()
        except OSError as error:
            return SFTPServer.convert_errno(error.errno)
        return SFTP_OK if result is None else result

    def stat(self, path):
        return self.answer(lambda: SFTPAttributes.from_stat(os.stat(self.real(path))))

    def lstat(self, path):
        return self.answer(lambda: SFTPAttributes.from_stat(os.lstat(self.real(path))))

    def open(self, path, flags, attr):
        def work():
            file = os.fdopen(os.open(self.real(path), flags, 0o666), 'r+b' if flags & (os.O_RDWR | os.O_WRONLY) == os.O_RDWR else 'wb' if flags & os.O_WRONLY else 'rb')
            handle = Handle(flags)
            handle.filename = self.real(path)
            handle.readfile = handle.writefile = file
            return handle
        return self.answer(work)

    def remove(self, path):
        return self.answer(lambda: os.remove(self.real(path)))

    def rename(self, old, new):
        return self.answer(lambda: os.rename(self.real(old), self.real(new)))


def serve(connection):
    transport = paramiko.Transport(connection)
    transport.add_server_key(host_key)
    transport.set_subsystem_handler('sftp', SFTPServer, Files)
    try:
        transport.start_server(server=Login())
        while transport.is_active():
            transport.join(1)
    except (paramiko.SSHException, EOFError, OSError) as error:
        print(error, file=sys.stderr)


with socket.create_server(('127.0.0.1', int(port))) as listener:
    print('listening', flush=True)
    while True:
        accepted, _ = listener.accept()
        accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=serve, args=(accepted,), daemon=True).start()
